"""Cutting JSON into values: by itself, since every import of every format stands on it."""

import json
from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hearthside.kit.errors import Invalid, TooLarge
from hearthside.portability.documents import Budget, clean, documents
from hearthside.portability.model import Limits, Refused

LIMITS = Limits(document_bytes=10_000, document_items=500, depth=8)

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\0")),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)
objects = st.dictionaries(st.text(alphabet='ab"\\[]{},', max_size=6), values, max_size=4)


def cut(chunks: Iterable[bytes], limits: Limits = Limits()) -> Iterator[Any]:  # noqa: B008 - frozen
    return documents(chunks, limits, Budget(limits))


def pieces(data: bytes, size: int) -> Iterator[bytes]:
    return (data[start : start + size] for start in range(0, len(data), size))


@given(st.lists(objects, max_size=5), st.integers(1, 40), st.sampled_from([None, 2]))
def test_an_array_falls_into_its_values_wherever_the_chunks_end(listed: list[Any], size: int, indent: int) -> None:
    data = json.dumps(listed, indent=indent).encode()
    assert list(cut(pieces(data, size))) == clean(listed)


@given(st.lists(objects, max_size=5), st.integers(1, 40))
def test_lines_of_json_fall_into_lines(listed: list[Any], size: int) -> None:
    data = b"".join(json.dumps(one, ensure_ascii=False).encode() + b"\n" for one in listed)
    assert list(cut(pieces(data, size))) == clean(listed)


def test_what_is_too_much_is_refused_and_the_next_value_is_read() -> None:
    large, deep = {"a": "x" * 20_000}, json.loads("[" * 12 + "]" * 12)
    data = json.dumps([large, {"n": 1}, deep, {"n": 2}, {"l": [[]] * 600}, {"n": 3}, {"l": [1] * 600}, {"n": 4}])
    found = list(cut(pieces(data.encode(), 1000), LIMITS))
    assert [one if isinstance(one, Refused) else one["n"] for one in found] == [
        Refused("it is larger than 0 MiB"),
        1,
        Refused("it is nested more than 8 levels deep"),
        2,
        Refused("it has more than 500 items"),
        3,
        Refused("it has more than 500 items"),
        4,
    ]


def test_more_brackets_than_can_be_read_in_time_end_it() -> None:
    data = b"[" + b"{}," * 1000
    with pytest.raises(TooLarge):
        list(cut(pieces(data, 100), Limits(brackets=500)))


def test_a_string_of_backslashes_and_quotes_takes_no_longer_than_another() -> None:
    text = '\\"[{' * 100_000
    assert list(cut(pieces(json.dumps([{"a": text}]).encode(), 65536))) == [{"a": text}]


def test_a_hundred_thousand_levels_are_no_danger() -> None:
    data = b"[" * 100_000 + b"]" * 100_000
    assert list(cut(pieces(data, 65536))) == [Refused("it is nested more than 64 levels deep")]


@pytest.mark.parametrize("data", [b'[{"a": 1}, {"b', b'[{"a": "b', b'{"a": {}', b"["])
def test_a_file_that_ends_in_the_middle_is_invalid(data: bytes) -> None:
    with pytest.raises(Invalid) as caught:
        list(cut([data], LIMITS))
    assert caught.value.code == "archive_invalid"


@pytest.mark.parametrize("data", [b"]", b"{}}", b"[]]"])
def test_brackets_that_close_nothing_are_invalid(data: bytes) -> None:
    with pytest.raises(Invalid):
        list(cut([data], LIMITS))


@pytest.mark.parametrize("value", [b"{a: 1}", b"{]", b'{"a": \xff}', b'{"n": 1' + b"1" * 5000 + b"}"])
def test_a_value_that_is_no_json_is_refused_by_itself(value: bytes) -> None:
    assert list(cut([b"[" + value + b', {"n": 2}]'])) == [Refused("it is not JSON"), {"n": 2}]


def test_a_byte_order_mark_is_passed_over() -> None:
    assert list(cut([b'\xef\xbb\xbf [{"a": 1}]'])) == [{"a": 1}]


def test_what_no_database_can_hold_is_cleaned() -> None:
    data = rb'[{"t\u0000": "a\u0000b\ud83d\ude00c\ud800", "n": NaN, "i": 1e999, "ok": [1.5]}]'
    assert list(cut([data], LIMITS)) == [{"t": "ab😀c�", "n": None, "i": None, "ok": [1.5]}]
