"""The bytes of a GGUF header, read forward and never past the end of the file, whatever a length in them claims."""

import struct
from typing import Any, BinaryIO

CUT = "was cut short or has a wrong header"
_READ_BYTES = 4 * 1024 * 1024
_COUNT = struct.Struct("<Q")


class BrokenFile(Exception):
    """Why a file cannot be used: what is wrong with it, in words for people."""


class Cursor:
    """Reads in large pieces: a vocabulary has hundreds of thousands of strings. Raises BrokenFile at the file's end."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file = file
        self._left = size
        self._buffer = b""
        self._at = 0
        self.position = 0

    def take(self, count: int) -> bytes:
        if count > len(self._buffer) - self._at:
            self._fill(count)
        start = self._at
        self._at += count
        self.position += count
        return self._buffer[start : self._at]

    def number(self, shape: struct.Struct) -> Any:
        return shape.unpack(self.take(shape.size))[0]

    def count(self) -> int:
        """A length or a number of things, as the format writes all of them."""
        return self.number(_COUNT)

    def text(self, *, limit: int | None = None) -> str:
        count = self.count()
        if limit is not None and count > limit:
            raise BrokenFile("its header holds a name of absurd length")
        return self.take(count).decode(errors="replace")

    def skip(self, count: int) -> None:
        while count > 0:
            piece = min(count, _READ_BYTES)
            self.take(piece)
            count -= piece

    def skip_texts(self, count: int) -> None:
        """Past `count` strings; each takes eight bytes or more, so a wrong count runs into the end of the file soon."""
        for _ in range(count):
            self.take(self.count())

    def _fill(self, count: int) -> None:
        rest = self._buffer[self._at :]
        if count > len(rest) + self._left:
            raise BrokenFile(f"its header reaches past the end of the file, which {CUT}")
        piece = self._file.read(min(max(count - len(rest), _READ_BYTES), self._left))
        self._left -= len(piece)
        self._buffer, self._at = rest + piece, 0
        if count > len(self._buffer):
            raise BrokenFile("it was cut short while it was read")
