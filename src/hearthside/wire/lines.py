"""Lines out of a stream of bytes, however the bytes were cut on their way: the ground under SSE and NDJSON."""

MAX_LINE_BYTES = 1024 * 1024


class LineTooLong(ValueError):
    """A line went past the cap before it ended."""


class LineSplitter:
    """Ends lines at LF, CR LF or CR (what the SSE standard asks for, and NDJSON never holds a bare CR).

    What is kept between calls is at most one unfinished line of `max_bytes`.
    """

    def __init__(self, max_bytes: int = MAX_LINE_BYTES) -> None:
        self._max_bytes = max_bytes
        self._unfinished = bytearray()
        self._after_cr = False

    def feed(self, chunk: bytes) -> list[bytes]:
        """The lines that `chunk` completes, without their ends. Raises LineTooLong."""
        if self._after_cr and chunk.startswith(b"\n"):
            chunk = chunk[1:]  # the second half of a CR LF whose first half already ended the line
            self._after_cr = False
        if chunk:
            self._after_cr = chunk.endswith(b"\r")
        lines: list[bytes] = []
        for piece in chunk.splitlines(keepends=True):
            text = piece.rstrip(b"\r\n")
            if len(self._unfinished) + len(text) > self._max_bytes:
                raise LineTooLong(f"a line is longer than {self._max_bytes} bytes")
            if len(text) == len(piece):
                self._unfinished += text
            elif self._unfinished:
                lines.append(self._finished(text))
            else:
                lines.append(text)
        return lines

    def rest(self) -> bytes:
        """The line that the stream's end left without an end of its own; b"" if there is none."""
        return self._finished(b"")

    def _finished(self, text: bytes) -> bytes:
        line = bytes(self._unfinished) + text
        self._unfinished.clear()
        return line
