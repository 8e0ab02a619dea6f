"""The header of a GGUF file: read with the standard library, and checked against the size of the file.

A model file comes from anywhere. llama.cpp aborts on some broken ones, and an abort costs a process and says little; so
what can be told from the header is told here, before any process is spawned. Nothing is mapped into memory: a file that
is cut short while it is mapped kills the process that reads it.

Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hearthside.engines.gguf_cursor import CUT, BrokenFile, Cursor

__all__ = ["BrokenFile", "Header", "read_header", "read_part"]

_VERSIONS = (2, 3)
_MAX_FACTS = 65_536
_MAX_TENSORS = 262_144
_MAX_KEY_BYTES = 65_535
_MAX_DIMENSIONS = 4

_STRING, _ARRAY = 8, 9
# "x" stands for those two, which are no numbers.
_NUMBERS = {kind: struct.Struct(f"<{letter}") for kind, letter in enumerate("BbHhIif?xxQqd") if letter != "x"}
_KIND = struct.Struct("<I")

# Elements and bytes of one block of each tensor type (ggml.h's enum ggml_type). A type that is not listed is newer than
# this table: only the offset of such a tensor is checked, and llama.cpp has the last word.
_BLOCKS = {
    0: (1, 4), 1: (1, 2), 2: (32, 18), 3: (32, 20), 6: (32, 22), 7: (32, 24), 8: (32, 34), 10: (256, 84),
    11: (256, 110), 12: (256, 144), 13: (256, 176), 14: (256, 210), 16: (256, 66), 17: (256, 74),
    18: (256, 98), 19: (256, 50), 20: (32, 18), 21: (256, 110), 22: (256, 82), 23: (256, 136), 24: (1, 1), 25: (1, 2),
    26: (1, 4), 27: (1, 8), 28: (1, 8), 29: (256, 56), 30: (1, 2), 34: (256, 54), 35: (256, 66), 39: (32, 17),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Header:
    """What a header says, as far as anybody here needs it. `key_value_bytes`: what one token of context takes."""

    architecture: str
    name: str
    context_tokens: int
    layers: int
    parameters: int
    vocabulary: int
    key_value_bytes: int
    has_chat_template: bool
    takes_tools: bool
    makes_embeddings: bool
    shards: int
    description: str


@dataclass(frozen=True, slots=True)
class _Tensor:
    name: str
    dimensions: tuple[int, ...]
    kind: int
    offset: int

    @property
    def elements(self) -> int:
        return math.prod(self.dimensions)

    @property
    def end(self) -> int:
        """The first byte behind it, counted from the start of the tensor data."""
        elements, size = _BLOCKS.get(self.kind, (1, 0))
        return self.offset + self.elements // elements * size


@dataclass(frozen=True, slots=True)
class _Items:
    """An array of the header: its length always, its items only where they are numbers and few (one for each layer)."""

    count: int
    numbers: tuple[float, ...] = ()


def read_header(path: Path) -> Header:
    """The header of a model, or of the first part of a split one. Raises BrokenFile, OSError; blocks."""
    values, tensors = _parsed(path)
    header = _header(values, tensors)
    _check_header(header, values, tensors)
    return header


def read_part(path: Path) -> int:
    """The number of parameters in a further part of a split model. Raises BrokenFile, OSError; blocks."""
    return sum(tensor.elements for tensor in _parsed(path)[1])


def _parsed(path: Path) -> tuple[dict[str, Any], list[_Tensor]]:
    with path.open("rb") as file:
        size = path.stat().st_size
        cursor = Cursor(file, size)
        tensors, facts = _counts(cursor)
        values: dict[str, Any] = {}
        for _ in range(facts):
            key = cursor.text(limit=_MAX_KEY_BYTES)
            values[key] = _value(cursor, key)
        entries = [_tensor(cursor) for _ in range(tensors)]
        _check_sizes(entries, values, start=cursor.position, size=size)
    return values, entries


def _counts(cursor: Cursor) -> tuple[int, int]:
    if cursor.take(4) != b"GGUF":
        raise BrokenFile("it is not a GGUF file")
    version = cursor.number(_KIND)
    if version not in _VERSIONS:
        raise BrokenFile(f"its GGUF version is {version}; versions 2 and 3 are known")
    tensors, facts = cursor.count(), cursor.count()
    if facts > _MAX_FACTS or tensors > _MAX_TENSORS:
        raise BrokenFile(f"its header claims {facts} facts and {tensors} tensors")
    return tensors, facts


def _value(cursor: Cursor, key: str) -> Any:
    kind = cursor.number(_KIND)
    if kind in _NUMBERS:
        return cursor.number(_NUMBERS[kind])
    if kind == _STRING:
        return cursor.text()
    if kind == _ARRAY:
        return _items(cursor, key)
    raise BrokenFile(f"the fact {key[:64]!r} of its header has the unknown kind {kind}")


def _items(cursor: Cursor, key: str) -> _Items:
    kind, count = cursor.number(_KIND), cursor.count()
    if kind == _STRING:
        cursor.skip_texts(count)
        return _Items(count)
    if kind not in _NUMBERS:
        raise BrokenFile(f"the list {key[:64]!r} of its header has items of the unknown kind {kind}")
    item = _NUMBERS[kind]
    if count > _MAX_FACTS:
        cursor.skip(count * item.size)
        return _Items(count)
    raw = cursor.take(count * item.size)
    return _Items(count, tuple(number for (number,) in item.iter_unpack(raw)))


def _tensor(cursor: Cursor) -> _Tensor:
    name = cursor.text(limit=_MAX_KEY_BYTES)
    count = cursor.number(_KIND)
    if not 1 <= count <= _MAX_DIMENSIONS:
        raise BrokenFile(f"the tensor {name[:64]!r} claims {count} dimensions")
    dimensions = tuple(cursor.count() for _ in range(count))
    return _Tensor(name, dimensions, kind=cursor.number(_KIND), offset=cursor.count())


def _check_sizes(tensors: list[_Tensor], values: Mapping[str, Any], *, start: int, size: int) -> None:
    alignment = values.get("general.alignment", 32)
    if not isinstance(alignment, int) or alignment <= 0:
        raise BrokenFile("its header gives no usable alignment")
    start += -start % alignment
    for tensor in tensors:
        if tensor.offset % alignment:
            raise BrokenFile(f"the tensor {tensor.name[:64]!r} does not begin where one may")
        if start + tensor.end > size:
            raise BrokenFile(f"the tensor {tensor.name[:64]!r} reaches past the end of the file, which {CUT}")


def _header(values: Mapping[str, Any], tensors: list[_Tensor]) -> Header:
    architecture = _word(values, "general.architecture")
    template = _word(values, "tokenizer.chat_template")
    layers = _whole(values, f"{architecture}.block_count")
    return Header(
        architecture=architecture,
        name=_word(values, "general.name"),
        context_tokens=_whole(values, f"{architecture}.context_length"),
        layers=layers,
        parameters=sum(tensor.elements for tensor in tensors),
        vocabulary=_length(values, "tokenizer.ggml.tokens"),
        key_value_bytes=_key_value_bytes(values, architecture, layers),
        has_chat_template=bool(template),
        takes_tools="tools" in template,
        makes_embeddings=_whole(values, f"{architecture}.pooling_type") > 0,
        shards=_whole(values, "split.count") or 1,
        description=_word(values, "general.description"),
    )


def _key_value_bytes(values: Mapping[str, Any], architecture: str, layers: int) -> int:
    """Keys and values of one token in all layers, at two bytes a number; too much where a model saves on attention."""
    heads = _per_layer(values.get(f"{architecture}.attention.head_count"), layers)
    key_heads = _per_layer(values.get(f"{architecture}.attention.head_count_kv"), layers) or heads
    most = max(heads, default=0)
    width = _whole(values, f"{architecture}.embedding_length") // most if most else 0
    key = _whole(values, f"{architecture}.attention.key_length") or width
    value = _whole(values, f"{architecture}.attention.value_length") or width
    return sum(key_heads) * (key + value) * 2


def _per_layer(value: Any, layers: int) -> list[int]:
    if isinstance(value, _Items):
        return [int(number) for number in value.numbers]
    return [value] * min(layers, _MAX_FACTS) if isinstance(value, int) else []


def _check_header(header: Header, values: Mapping[str, Any], tensors: list[_Tensor]) -> None:
    """The contradictions that llama.cpp answers with an abort, or not at all."""
    if not header.architecture:
        raise BrokenFile("its header names no architecture")
    if header.architecture == "clip" or values.get("general.type") in ("mmproj", "adapter"):
        raise BrokenFile("it is an addition to another model, not a model")
    if not tensors and header.shards == 1:
        raise BrokenFile("it holds no weights")
    for what, key, number in (
        ("number of layers", "block_count", header.layers),
        ("context length", "context_length", header.context_tokens),
    ):
        if f"{header.architecture}.{key}" not in values:
            raise BrokenFile(f"its header gives no {what} for its architecture, {header.architecture[:64]!r}")
        if not 0 < number < 2**31:
            raise BrokenFile(f"its header gives {number} as its {what}")
    _check_tokens(header, values)


def _check_tokens(header: Header, values: Mapping[str, Any]) -> None:
    types = values.get("tokenizer.ggml.token_type")
    if isinstance(types, _Items) and types.count != header.vocabulary:
        raise BrokenFile(f"it has {header.vocabulary} tokens but {types.count} token types")
    for key in ("bos", "eos"):
        token = values.get(f"tokenizer.ggml.{key}_token_id")
        # 2**32 - 1 is how some writers say "none".
        if isinstance(token, int) and header.vocabulary and header.vocabulary <= token < 2**32 - 1:
            raise BrokenFile(f"its {key} token is number {token}, of {header.vocabulary}")


def _word(values: Mapping[str, Any], key: str) -> str:
    value = values.get(key)
    return value if isinstance(value, str) else ""


def _whole(values: Mapping[str, Any], key: str) -> int:
    value = values.get(key)
    return value if isinstance(value, int) else 0


def _length(values: Mapping[str, Any], key: str) -> int:
    value = values.get(key)
    return value.count if isinstance(value, _Items) else 0
