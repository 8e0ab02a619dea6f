"""Writing a zip front to back: what is finished is taken away at once, so it never stands anywhere as a whole."""

import zipfile
from datetime import UTC, datetime
from typing import IO, BinaryIO, cast

_EARLIEST = datetime(1980, 1, 1, tzinfo=UTC)
_LATEST = datetime(2107, 12, 31, 23, 59, 58, tzinfo=UTC)
_OWNER_ONLY = 0o600 << 16


class ZipStream:
    """`begin` a file, `write` what is in it, then the next; `close` at the end. `take` gives what there is so far."""

    def __init__(self) -> None:
        self._sink = _Sink()
        self._zip = zipfile.ZipFile(cast(BinaryIO, self._sink), "w", zipfile.ZIP_DEFLATED)
        self._file: IO[bytes] | None = None

    def begin(self, name: str, modified_at: datetime) -> None:
        self._end()
        moment = min(max(modified_at.astimezone(UTC), _EARLIEST), _LATEST)  # what a zip can say
        info = zipfile.ZipInfo(name, moment.timetuple()[:6])
        info.compress_type = zipfile.ZIP_DEFLATED
        info.external_attr = _OWNER_ONLY
        self._file = self._zip.open(info, "w")

    def write(self, data: bytes) -> None:
        if self._file is None:
            raise ValueError("a file has to begin before anything is written into it")
        self._file.write(data)

    def close(self) -> None:
        self._end()
        self._zip.close()

    def take(self) -> bytes:
        return self._sink.take()

    def _end(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None


class _Sink:
    """The end of a pipe: cannot be sought, so zipfile writes the sizes behind each file instead of before it."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def write(self, data: bytes, /) -> int:
        self._pieces.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        return None

    def take(self) -> bytes:
        taken = b"".join(self._pieces)
        self._pieces.clear()
        return taken
