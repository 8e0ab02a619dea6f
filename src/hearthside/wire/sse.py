"""Server-sent events, both ways (https://html.spec.whatwg.org/multipage/server-sent-events.html §9.2)."""

from dataclasses import dataclass

from hearthside.wire.lines import MAX_LINE_BYTES, LineSplitter, LineTooLong

_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class SseEvent:
    """`event` is "message" where the stream names none; `id` is the last id seen, "" before the first."""

    event: str
    data: str
    id: str


class SseParser:
    """Bytes in, events out. Takes LF, CR LF and CR, comments, many data lines, and bytes cut anywhere."""

    def __init__(self, max_bytes: int = MAX_LINE_BYTES) -> None:
        self._lines = LineSplitter(max_bytes)
        self._max_bytes = max_bytes
        self._first = True
        self._event = b""
        self._data: list[bytes] = []
        self._size = 0
        self._id = ""

    def feed(self, chunk: bytes) -> list[SseEvent]:
        """The events that `chunk` completes. Raises LineTooLong for a line, or an event's data, past the cap."""
        events: list[SseEvent] = []
        for raw in self._lines.feed(chunk):
            line = raw.removeprefix(_BOM) if self._first else raw
            self._first = False
            if not line:
                events.extend(self._dispatched())
            else:
                self._take(line)
        return events

    def finish(self) -> list[SseEvent]:
        """At the stream's end: the event that lacks only its blank line.

        The standard drops it; servers of model output are known to end with a bare `data: [DONE]`.
        """
        rest = self._lines.rest()
        if rest:
            self._take(rest)
        return self._dispatched()

    def _take(self, line: bytes) -> None:
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"data":
            self._size += len(value)
            if self._size > self._max_bytes:
                raise LineTooLong(f"an event is longer than {self._max_bytes} bytes")
            self._data.append(value)
        elif field == b"event":
            self._event = value
        elif field == b"id" and b"\0" not in value:
            self._id = value.decode("utf-8", "replace")

    def _dispatched(self) -> list[SseEvent]:
        name, data = self._event, self._data
        self._event, self._data, self._size = b"", [], 0
        if not data:
            return []
        text = b"\n".join(data).decode("utf-8", "replace")
        return [SseEvent(name.decode("utf-8", "replace") or "message", text, self._id)]


def encode(event: str | None, data: bytes | str, id: str | int | None = None) -> bytes:  # noqa: A002 - the field's name
    """One event as bytes. None leaves the field out; newlines in `data` become lines of their own."""
    raw = data.encode() if isinstance(data, str) else data
    head = b"" if id is None else b"id: %s\n" % _one_line(str(id))
    if event is not None:
        head += b"event: %s\n" % _one_line(event)
    if b"\n" not in raw and b"\r" not in raw:
        return b"%sdata: %s\n\n" % (head, raw)
    lines = raw.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
    return head + b"".join(b"data: %s\n" % line for line in lines) + b"\n"


def comment(text: str = "") -> bytes:
    """A line that readers skip: keeps a connection from looking dead."""
    return b": %s\n\n" % _one_line(text)


def _one_line(text: str) -> bytes:
    return text.replace("\r", " ").replace("\n", " ").encode()
