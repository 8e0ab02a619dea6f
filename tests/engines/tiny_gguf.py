"""A tiny GGUF model of about one megabyte whose every answer is known, written with the standard library alone.

It is a bigram wired by hand: one-hot embeddings, attention and feed-forward weights all zero, and an output matrix
that is a table of which token follows which. A chat answers `REPLY` whatever is asked; the completion of "0" counts
for ever. With `endless=True` the chat answer counts for ever too: that is what a test of cancelling needs.
"""

import struct
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

REPLY = "Hello! I am the tiny test model of this project."
CONTEXT_TOKENS = 2048

_UINT32, _INT32, _FLOAT32, _BOOL, _STRING, _ARRAY = 4, 5, 6, 7, 8, 9
_FORMATS = {_UINT32: "<I", _INT32: "<i", _FLOAT32: "<f", _BOOL: "<?"}
_NORMAL, _CONTROL, _UNUSED = 1, 3, 5
_END_OF_TEXT, _START, _END, _PAD = "<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|pad|>"
_SPECIALS = (_END_OF_TEXT, _START, _END, _PAD)
_HEAD = _FEED = 32
_ALIGNMENT = 32
TEMPLATE = (
    "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\n' + m['content'] + '<|im_end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)


@dataclass(frozen=True)
class _Vocabulary:
    tokens: list[str]
    merges: list[str]
    words: list[str]
    normal: int

    def id(self, token: str) -> int:
        return self.tokens.index(token)


@dataclass(frozen=True)
class _Tensor:
    name: str
    rows: int
    columns: int
    ones_at: tuple[tuple[int, int], ...] = ()
    weight: float = 1.0
    vector: bool = False

    def data(self) -> bytes:
        if self.vector:
            return array("f", [1.0] * self.columns).tobytes()
        values = array("f", bytes(4 * self.rows * self.columns))
        for row, column in self.ones_at:
            values[row * self.columns + column] = self.weight
        return values.tobytes()

    @property
    def dimensions(self) -> tuple[int, ...]:
        """As GGUF writes them: the fastest first."""
        return (self.columns,) if self.vector else (self.columns, self.rows)


def write(
    path: Path,
    *,
    reply: str = REPLY,
    context_tokens: int = CONTEXT_TOKENS,
    template: str | None = TEMPLATE,
    endless: bool = False,
) -> Path:
    """Write the model to `path` and return it."""
    vocabulary = _vocabulary(reply)
    tensors = list(_tensors(vocabulary, endless=endless))
    facts = list(_facts(vocabulary, context_tokens, template))
    head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(facts)) + b"".join(facts)
    blobs: list[bytes] = []
    offset = 0
    for tensor in tensors:
        shape = b"".join(struct.pack("<Q", size) for size in tensor.dimensions)
        head += _text(tensor.name) + struct.pack("<I", len(tensor.dimensions)) + shape + struct.pack("<IQ", 0, offset)
        blobs.append(_padded(tensor.data()))
        offset += len(blobs[-1])
    path.write_bytes(_padded(head) + b"".join(blobs))
    return path


def _vocabulary(reply: str) -> _Vocabulary:
    """The 256 bytes, then every beginning of every word of the reply, so that each word can be reached by merges."""
    letters = _byte_letters()
    words = ["".join(letters[b] for b in (" " * (i > 0) + word).encode()) for i, word in enumerate(reply.split(" "))]
    tokens, merges = list(letters.values()), list[str]()
    for word in words:
        for end in range(1, len(word)):
            merge = f"{word[:end]} {word[end]}"
            if merge not in merges:
                merges.append(merge)
            if word[: end + 1] not in tokens:
                tokens.append(word[: end + 1])
    normal = len(tokens)
    tokens += _SPECIALS
    tokens += [f"<|unused{i}|>" for i in range(-len(tokens) % 32)]
    return _Vocabulary(tokens, merges, words, normal)


def _byte_letters() -> dict[int, str]:
    """GPT-2's table: every byte as a printable character, the unprintable ones moved up past 255."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    moved = [byte for byte in range(256) if byte not in printable]
    return {b: chr(b) for b in printable} | {b: chr(256 + i) for i, b in enumerate(moved)}


def _tensors(vocabulary: _Vocabulary, *, endless: bool) -> Iterator[_Tensor]:
    size = len(vocabulary.tokens)
    yield _Tensor("token_embd.weight", size, size, tuple((i, i) for i in range(size)))
    for name, rows, columns in (
        ("attn_q", _HEAD, size),
        ("attn_k", _HEAD, size),
        ("attn_v", _HEAD, size),
        ("attn_output", size, _HEAD),
        ("ffn_gate", _FEED, size),
        ("ffn_up", _FEED, size),
        ("ffn_down", size, _FEED),
    ):
        yield _Tensor(f"blk.0.{name}.weight", rows, columns)
    for name in ("blk.0.attn_norm", "blk.0.ffn_norm", "output_norm"):
        yield _Tensor(f"{name}.weight", 1, size, vector=True)
    follows = tuple((after, before) for before, after in _pairs(vocabulary, endless=endless))
    yield _Tensor("output.weight", size, size, follows, weight=2.0)


def _pairs(vocabulary: _Vocabulary, *, endless: bool) -> Iterator[tuple[int, int]]:
    """Which token follows which. The template ends in a newline, so the answer begins after one."""
    newline = vocabulary.id(_byte_letters()[ord("\n")])
    digits = [vocabulary.id(str(digit)) for digit in range(10)]
    yield from pairwise([*digits, digits[0]])
    answer = digits[:1] if endless else [*(vocabulary.id(word) for word in vocabulary.words), vocabulary.id(_END)]
    yield from pairwise([newline, *answer])


def _facts(vocabulary: _Vocabulary, context_tokens: int, template: str | None) -> Iterator[bytes]:
    size = len(vocabulary.tokens)
    unused = size - vocabulary.normal - len(_SPECIALS)
    types = [_NORMAL] * vocabulary.normal + [_CONTROL] * len(_SPECIALS) + [_UNUSED] * unused
    yield _fact("general.architecture", _STRING, "llama")
    yield _fact("general.name", _STRING, "Tiny test model")
    yield _fact("llama.block_count", _UINT32, 1)
    yield _fact("llama.context_length", _UINT32, context_tokens)
    yield _fact("llama.embedding_length", _UINT32, size)
    yield _fact("llama.feed_forward_length", _UINT32, _FEED)
    yield _fact("llama.attention.head_count", _UINT32, 1)
    yield _fact("llama.attention.head_count_kv", _UINT32, 1)
    yield _fact("llama.attention.key_length", _UINT32, _HEAD)
    yield _fact("llama.attention.value_length", _UINT32, _HEAD)
    yield _fact("llama.attention.layer_norm_rms_epsilon", _FLOAT32, 1e-5)
    yield _fact("llama.rope.dimension_count", _UINT32, _HEAD)
    yield _fact("llama.vocab_size", _UINT32, size)
    yield _fact("tokenizer.ggml.model", _STRING, "gpt2")
    yield _fact("tokenizer.ggml.pre", _STRING, "gpt-2")
    yield _list("tokenizer.ggml.tokens", _STRING, b"".join(map(_text, vocabulary.tokens)), size)
    yield _list("tokenizer.ggml.token_type", _INT32, array("i", types).tobytes(), size)
    yield _list("tokenizer.ggml.merges", _STRING, b"".join(map(_text, vocabulary.merges)), len(vocabulary.merges))
    yield _fact("tokenizer.ggml.bos_token_id", _UINT32, vocabulary.id(_END_OF_TEXT))
    yield _fact("tokenizer.ggml.eos_token_id", _UINT32, vocabulary.id(_END))
    yield _fact("tokenizer.ggml.padding_token_id", _UINT32, vocabulary.id(_PAD))
    yield _fact("tokenizer.ggml.add_bos_token", _BOOL, False)
    if template is not None:
        yield _fact("tokenizer.chat_template", _STRING, template)


def _fact(key: str, kind: int, value: object) -> bytes:
    packed = _text(str(value)) if kind == _STRING else struct.pack(_FORMATS[kind], value)
    return _text(key) + struct.pack("<I", kind) + packed


def _list(key: str, kind: int, items: bytes, count: int) -> bytes:
    return _text(key) + struct.pack("<IIQ", _ARRAY, kind, count) + items


def _text(text: str) -> bytes:
    raw = text.encode()
    return struct.pack("<Q", len(raw)) + raw


def _padded(data: bytes) -> bytes:
    return data + b"\0" * (-len(data) % _ALIGNMENT)
