"""The set of broken model files: truncated, lying about their sizes, contradicting themselves, full of NaN.

All are made from the tiny model by changing bytes. `broken_models()` gives (name, content) pairs. A name that begins
with "fuzz" promises nothing but that the server lives on: two numbers of its header were changed at random, and
llama.cpp may load it, refuse it or abort.
"""

import struct
from collections.abc import Iterator
from random import Random

FUZZED = 30
_NUMBERS = (
    "llama.block_count",
    "llama.context_length",
    "llama.embedding_length",
    "llama.feed_forward_length",
    "llama.attention.head_count",
    "llama.attention.head_count_kv",
    "llama.attention.key_length",
    "llama.attention.value_length",
    "llama.rope.dimension_count",
    "llama.vocab_size",
    "tokenizer.ggml.bos_token_id",
    "tokenizer.ggml.eos_token_id",
    "tokenizer.ggml.padding_token_id",
)


def broken_models(good: bytes) -> Iterator[tuple[str, bytes]]:
    yield from _not_even_a_header(good)
    yield from _wrong_counts(good)
    yield from _wrong_facts(good)
    yield from _wrong_tensors(good)
    yield from _wrong_content(good)
    yield from _fuzzed(good)


def _not_even_a_header(good: bytes) -> Iterator[tuple[str, bytes]]:
    yield "empty", b""
    yield "random", Random(1).randbytes(100_000)
    yield "magic", b"XXXX" + good[4:]
    yield "version", _at(good, 4, struct.pack("<I", 99))
    yield "cut_in_header", good[:2000]
    yield "cut_in_facts", good[:9000]
    yield "cut_in_tensors", good[: len(good) // 2]
    yield "cut_at_the_end", good[:-64]


def _wrong_counts(good: bytes) -> Iterator[tuple[str, bytes]]:
    yield "tensors_2_62", _at(good, 8, struct.pack("<Q", 2**62))
    yield "tensors_2_31", _at(good, 8, struct.pack("<Q", 2**31))
    yield "facts_2_62", _at(good, 16, struct.pack("<Q", 2**62))
    yield "tokens_2_60", _at(good, _value(good, "tokenizer.ggml.tokens") + 4, struct.pack("<Q", 2**60))
    yield "token_types_5", _at(good, _value(good, "tokenizer.ggml.token_type") + 4, struct.pack("<Q", 5))


def _wrong_facts(good: bytes) -> Iterator[tuple[str, bytes]]:
    for name, key, value in (
        ("layers_0", "llama.block_count", 0),
        ("layers_1000", "llama.block_count", 1000),
        ("heads_0", "llama.attention.head_count", 0),
        ("heads_7", "llama.attention.head_count", 7),
        ("kv_heads_3", "llama.attention.head_count_kv", 3),
        ("embedding_0", "llama.embedding_length", 0),
        ("embedding_2_30", "llama.embedding_length", 2**30),
        ("rope_13", "llama.rope.dimension_count", 13),
        ("context_0", "llama.context_length", 0),
        ("end_token_out_of_range", "tokenizer.ggml.eos_token_id", 99_999),
        ("begin_token_out_of_range", "tokenizer.ggml.bos_token_id", 99_999),
    ):
        yield name, _at(good, _value(good, key), struct.pack("<I", value))
    yield "architecture", good.replace(_text("llama"), _text("lxxxx"), 1)


def _wrong_tensors(good: bytes) -> Iterator[tuple[str, bytes]]:
    """The entry of output.weight: its number of dimensions, two sizes of eight bytes, its type, its offset."""
    entry = _after(good, "output.weight")
    yield "dimensions_200", _at(good, entry, struct.pack("<I", 200))
    yield "dimension_2_62", _at(good, entry + 4, struct.pack("<Q", 2**62))
    yield "type_999", _at(good, entry + 20, struct.pack("<I", 999))
    yield "offset_2_40", _at(good, entry + 24, struct.pack("<Q", 2**40))
    yield "offset_wraps", _at(good, entry + 24, struct.pack("<Q", 2**64 - 32))


def _wrong_content(good: bytes) -> Iterator[tuple[str, bytes]]:
    yield "nan_weights", _at(good, len(good) - 300_000, struct.pack("<f", float("nan")) * 75_000)
    loop = b"{% for m in messages %}"
    yield "template_broken", good.replace(loop, b"{% for m in messages {%")


def _fuzzed(good: bytes) -> Iterator[tuple[str, bytes]]:
    """Wrong numbers where numbers belong: random bytes in the names would all be refused for the same reason."""
    random = Random(7)
    for number in range(FUZZED):
        content = good
        for fact in random.sample(_NUMBERS, 2):
            value = random.choice((0, 1, 2, random.randrange(1000), random.randrange(2**32)))
            content = _at(content, _value(content, fact), struct.pack("<I", value))
        yield f"fuzz{number:02d}", content


def _at(good: bytes, offset: int, new: bytes) -> bytes:
    return good[:offset] + new + good[offset + len(new) :]


def _text(text: str) -> bytes:
    return struct.pack("<Q", len(text)) + text.encode()


def _after(good: bytes, name: str) -> int:
    return good.index(_text(name)) + 8 + len(name)


def _value(good: bytes, key: str) -> int:
    """Where the value of a fact begins: past its key and its kind."""
    return _after(good, key) + 4
