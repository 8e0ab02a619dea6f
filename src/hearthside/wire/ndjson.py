"""Newline-delimited JSON: one value a line, no blank lines meant."""

from hearthside.wire.lines import MAX_LINE_BYTES, LineSplitter


class NdjsonParser:
    """Bytes in, the texts of whole lines out; their JSON is the reader's to decode."""

    def __init__(self, max_bytes: int = MAX_LINE_BYTES) -> None:
        self._lines = LineSplitter(max_bytes)

    def feed(self, chunk: bytes) -> list[str]:
        """Raises LineTooLong."""
        return [line.decode("utf-8", "replace") for line in self._lines.feed(chunk) if line.strip()]

    def finish(self) -> list[str]:
        """The last line, which may lack its end."""
        rest = self._lines.rest()
        return [rest.decode("utf-8", "replace")] if rest.strip() else []
