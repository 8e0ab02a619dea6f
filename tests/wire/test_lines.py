"""Lines out of bytes that were cut anywhere."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hearthside.wire.lines import LineSplitter, LineTooLong
from hearthside.wire.ndjson import NdjsonParser


@given(st.lists(st.sampled_from([b"\n", b"\r", b"\r\n", b"a", b"bc", "ü".encode()])), st.data())
def test_lines_do_not_depend_on_where_the_bytes_were_cut(pieces: list[bytes], data: st.DataObject) -> None:
    text = b"".join(pieces)
    cuts = sorted(data.draw(st.sets(st.integers(0, len(text)))))
    chunks = [text[start:end] for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    splitter = LineSplitter()
    lines = [line for chunk in chunks for line in splitter.feed(chunk)]
    assert [*lines, splitter.rest()] == [*text.splitlines(), *([b""] if not text or text[-1:] in b"\r\n" else [])]


def test_a_line_past_the_cap_is_refused_before_it_ends() -> None:
    splitter = LineSplitter(10)
    assert splitter.feed(b"0123456789\n") == [b"0123456789"]
    splitter.feed(b"01234567")
    with pytest.raises(LineTooLong):
        splitter.feed(b"89a")


def test_two_mebibytes_in_one_line_are_too_many() -> None:
    splitter = LineSplitter()
    for _ in range(16):
        splitter.feed(b"x" * 65_536)
    with pytest.raises(LineTooLong):
        splitter.feed(b"x" * 65_536)


def test_ndjson_skips_blank_lines_and_takes_a_last_line_without_end() -> None:
    parser = NdjsonParser()
    assert parser.feed(b'{"a": 1}\n\n  \n{"b"') == ['{"a": 1}']
    assert parser.feed(b": 2}") == []
    assert parser.finish() == ['{"b": 2}']
    assert parser.finish() == []
