"""Reading a zip that anybody may have made. Nothing of it is ever written to disk under a name of its own choosing.

What the zip says of itself is believed only where it makes things worse: the list of files is bounded before it is
parsed, the bytes are counted while they are read.
"""

import re
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO, Protocol, cast

from hearthside.kit.errors import HearthsideError, Invalid, TooLarge
from hearthside.portability.documents import Budget, documents
from hearthside.portability.model import Limits, Refused

_CHUNK = 64 * 1024
_ENTRY_SIGNATURE = b"PK\x01\x02"
_LONGEST_NAME = 1000
_METHODS = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
_ENCRYPTED = 0x1
_DRIVE = re.compile("[A-Za-z]:")
# What zipfile raises where it trips over a file that is not as its directory says.
_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    NotImplementedError,
    RuntimeError,
    ValueError,
    OSError,
)


class Archive:
    """The files in a zip. Errors of all methods: Invalid (archive_invalid, archive_unsafe), TooLarge."""

    def __init__(self, file: BinaryIO, limits: Limits) -> None:
        self._limits = limits
        self._left = limits.total_bytes
        self._budget = Budget(limits)
        self._zip = _open(file, limits)
        self._entries = {info.filename: info for info in self._zip.infolist() if not info.is_dir()}
        _check(self._zip.infolist(), _size_of(file), limits)

    @property
    def names(self) -> Sequence[str]:
        return tuple(self._entries)

    def documents(self, name: str) -> Iterator[Any | Refused]:
        """See documents.py."""
        return documents(self.chunks(name), self._limits, self._budget)

    def chunks(self, name: str) -> Iterator[bytes]:
        """What is in a file, piece by piece; nothing where there is no such file."""
        entry = self._entries.get(name)
        if entry is None:
            return
        try:
            with self._zip.open(entry) as file:
                while chunk := file.read(_CHUNK):
                    self._count(chunk)
                    yield chunk
        except _DAMAGE as error:
            raise _broken() from error

    def _count(self, chunk: bytes) -> None:
        self._left -= len(chunk)
        if self._left < 0:
            raise _too_large(self._limits)


class BareFile:
    """A JSON file that stands for an archive with nothing else in it: what somebody took out of the zip by hand."""

    def __init__(self, name: str, file: BinaryIO, limits: Limits) -> None:
        self._name = name
        self._file = file
        self._limits = limits

    @property
    def names(self) -> Sequence[str]:
        return (self._name,)

    def documents(self, name: str) -> Iterator[Any | Refused]:
        return documents(self._chunks(), self._limits, Budget(self._limits)) if name == self._name else iter(())

    def _chunks(self) -> Iterator[bytes]:
        left = self._limits.total_bytes
        self._file.seek(0)
        while chunk := self._file.read(_CHUNK):
            left -= len(chunk)
            if left < 0:
                raise _too_large(self._limits)
            yield chunk


class _Seekable(Protocol):
    def read(self, size: int = -1, /) -> bytes: ...
    def seek(self, offset: int, whence: int = 0, /) -> int: ...
    def tell(self) -> int: ...


class _DirectoryGuard:
    """Stands before the file while zipfile reads its directory, which it reads at once, however large that says it is.

    A directory of 64 MiB may list a million files, each of which becomes an object of half a kilobyte.
    """

    def __init__(self, file: _Seekable, limits: Limits) -> None:
        self._file = file
        self._limits = limits
        self._size = _size_of(file)
        self.is_open = False

    def read(self, size: int = -1, /) -> bytes:
        if self.is_open:
            return self._file.read(size)
        left = self._size - self.tell()
        wanted = left if size < 0 else min(size, left)  # a buffer is made for all that is asked for
        if wanted > self._limits.directory_bytes:
            raise self._too_many()
        data = self._file.read(wanted)
        if data.count(_ENTRY_SIGNATURE) > self._limits.entries:
            raise self._too_many()
        return data

    def _too_many(self) -> TooLarge:
        return TooLarge(f"The archive holds more than {self._limits.entries:,} files.", code="archive_too_large")

    def seek(self, offset: int, whence: int = 0, /) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def seekable(self) -> bool:
        return True


def _open(file: BinaryIO, limits: Limits) -> zipfile.ZipFile:
    guard = _DirectoryGuard(file, limits)
    try:
        opened = zipfile.ZipFile(cast(BinaryIO, guard))  # it has what ZipFile uses of a file
    except HearthsideError:
        raise
    except Exception as error:  # a broken zip makes zipfile raise struct.error, KeyError, UnicodeDecodeError, …
        raise _broken() from error
    guard.is_open = True
    return opened


def _check(entries: Sequence[zipfile.ZipInfo], archive_bytes: int, limits: Limits) -> None:
    names: set[str] = set()
    for entry in entries:
        _check_name(entry.orig_filename)
        if entry.filename in names:
            raise _unsafe("it holds two files of the same name")
        names.add(entry.filename)
        if entry.flag_bits & _ENCRYPTED or entry.compress_type not in _METHODS:
            raise Invalid("The archive is encrypted or packed in an unusual way.", code="archive_invalid")
        if stat.S_ISLNK(entry.external_attr >> 16):
            raise _unsafe("it holds a symbolic link")
    unpacked = sum(entry.file_size for entry in entries)
    if unpacked > limits.total_bytes:
        raise _too_large(limits)
    if unpacked > limits.ratio_floor_bytes and unpacked > limits.ratio * archive_bytes:
        raise _unsafe(f"it unpacks to more than {limits.ratio} times its size")


def _check_name(name: str) -> None:
    """Names are looked up, never opened; but what has such ones was made to do harm."""
    parts = name.replace("\\", "/").split("/")
    if len(name) > _LONGEST_NAME or "\0" in name or ".." in parts or not parts[0] or _DRIVE.match(name):
        raise _unsafe("it holds a file whose name leads out of it")


def _size_of(file: _Seekable) -> int:
    return file.seek(0, 2)


def _broken() -> Invalid:
    return Invalid("The archive is damaged: a file in it cannot be read.", code="archive_invalid")


def _unsafe(reason: str) -> Invalid:
    return Invalid(f"The archive was not read: {reason}.", code="archive_unsafe")


def _too_large(limits: Limits) -> TooLarge:
    return TooLarge(f"The archive unpacks to more than {limits.total_bytes // 2**20:,} MiB.", code="archive_too_large")
