"""Cutting a stream of JSON into its values without building any of them: bounded in size, items and nesting.

A chat export is one array of a hundred megabytes or more; read as a whole it needs gigabytes. What is cut out here is
one conversation, checked before it is decoded, so that no input makes the decoder run out of memory or stack.
"""

import json
import math
import re
from collections.abc import Iterable, Iterator
from typing import Any, cast

from hearthside.conversations.text import storable
from hearthside.kit.errors import Invalid, TooLarge
from hearthside.portability.model import Limits, Refused

# The next bracket outside strings, or a quote whose string does not end in this chunk, or the chunk's end. What comes
# before it is swallowed whole and never tried again (possessive), so that no input takes longer than it is long.
_NEXT = re.compile(rb'(?:[^"\[\]{}]++|"(?:[^"\\]++|\\.)*+")*+([\[\]{}"]|\Z)', re.DOTALL)
_REST_OF_STRING = re.compile(rb'(?:[^"\\]++|\\.)*+("|\\?\Z)', re.DOTALL)
_OPENING = b"[{"


class Budget:
    """How many brackets the files of one archive may have in all: they are what cutting takes time for."""

    def __init__(self, limits: Limits) -> None:
        self._left = limits.brackets

    def spend(self, brackets: int) -> None:
        """Errors: TooLarge (archive_too_large)."""
        self._left -= brackets
        if self._left < 0:
            raise TooLarge("The archive holds more than one import can read.", code="archive_too_large")


def documents(chunks: Iterable[bytes], limits: Limits, budget: Budget) -> Iterator[Any | Refused]:
    """The values in an array at the root, or the objects that stand there one after another (JSON Lines).

    Of the values in an array only objects and arrays are told. Errors: Invalid (archive_invalid) where it is cut off.
    """
    for piece in _Cutter(limits, budget).cut(chunks):
        yield piece if isinstance(piece, Refused) else _decoded(piece)


class _Cutter:
    """Where it stands in the JSON; `_base` is the depth at which values begin: 1 in an array at the root, else 0."""

    def __init__(self, limits: Limits, budget: Budget) -> None:
        self._limits = limits
        self._budget = budget
        self._base: int | None = None
        self._depth = 0
        self._in_string = False
        self._escaped = False
        self._value = bytearray()
        self._brackets = 0
        self._refusal: str | None = None

    def cut(self, chunks: Iterable[bytes]) -> Iterator[bytes | Refused]:
        for chunk in chunks:
            yield from self._cut_chunk(chunk)
        if self._depth or self._in_string:
            raise Invalid("A file in the archive ends in the middle.", code="archive_invalid")

    def _cut_chunk(self, chunk: bytes) -> Iterator[bytes | Refused]:
        kept = 0  # up to here the chunk is dealt with
        for position in self._structure(chunk):
            if chunk[position] in _OPENING:
                if self._opens_value(chunk[position]):
                    kept = position
            elif self._closes_value():
                self._keep(chunk[kept : position + 1])
                yield self._taken()
                kept = position + 1
        if self._in_value():
            self._keep(chunk[kept:])

    def _structure(self, chunk: bytes) -> Iterator[int]:
        """The positions of the brackets that stand outside strings."""
        brackets = 0
        for match in _NEXT.finditer(chunk, self._end_of_string(chunk)):
            token = match[1]
            if token == b'"':
                self._in_string, self._escaped = True, _ends_escaping(chunk)
                break
            if token:
                brackets += 1
                yield match.start(1)
        self._budget.spend(brackets)

    def _end_of_string(self, chunk: bytes) -> int:
        """Where the string ends in which the chunk before broke off; 0: it broke off in none."""
        if not self._in_string or not chunk:
            return 0
        match = _REST_OF_STRING.match(chunk, 1 if self._escaped else 0)
        if match is None or match[1] != b'"':
            self._escaped = match is not None and match[1] == b"\\"
            return len(chunk)
        self._in_string = self._escaped = False
        return match.end()

    def _in_value(self) -> bool:
        return self._base is not None and self._depth > self._base

    def _opens_value(self, bracket: int) -> bool:
        if self._base is None:
            self._base = 1 if bracket == b"["[0] else 0
        self._depth += 1
        self._brackets += 1
        if self._depth - self._base > self._limits.depth:
            self._refuse(f"it is nested more than {self._limits.depth} levels deep")
        return self._depth == self._base + 1

    def _closes_value(self) -> bool:
        self._depth -= 1
        if self._depth < 0:
            raise Invalid("A file in the archive is not JSON.", code="archive_invalid")
        return self._depth == self._base

    def _keep(self, piece: bytes) -> None:
        if len(self._value) + len(piece) > self._limits.document_bytes:
            self._refuse(f"it is larger than {self._limits.document_bytes // 2**20} MiB")
        if self._refusal is None:
            self._value += piece

    def _refuse(self, reason: str) -> None:
        self._refusal = self._refusal or reason
        self._value.clear()

    def _taken(self) -> bytes | Refused:
        # Strings and numbers are counted roughly; quotes and commas in texts count as well.
        items = max(self._brackets + self._value.count(b'"') // 2, self._value.count(b","))
        if items > self._limits.document_items:
            self._refuse(f"it has more than {self._limits.document_items:,} items")
        result = bytes(self._value) if self._refusal is None else Refused(self._refusal)
        self._value.clear()
        self._brackets, self._refusal = 0, None
        return result


def _ends_escaping(chunk: bytes) -> bool:
    return (len(chunk) - len(chunk.rstrip(b"\\"))) % 2 == 1


def _decoded(document: bytes) -> Any | Refused:
    try:
        return clean(json.loads(document))
    except ValueError:
        return Refused("it is not JSON")


def clean(value: Any) -> Any:
    """The same JSON value as a database can hold it: text that can be encoded, numbers that JSON knows."""
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, list):
        return [clean(item) for item in cast("list[Any]", value)]
    if isinstance(value, dict):
        return {storable(key): clean(item) for key, item in cast("dict[str, Any]", value).items()}
    return value
