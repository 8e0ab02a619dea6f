"""Server-sent events as the standard reads them, the last of a stream that lacks its end included."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hearthside.wire.lines import LineTooLong
from hearthside.wire.sse import SseEvent, SseParser, comment, encode


def parsed(*chunks: bytes) -> list[SseEvent]:
    parser = SseParser()
    return [event for chunk in chunks for event in parser.feed(chunk)] + parser.finish()


@pytest.mark.parametrize(
    ("stream", "events"),
    [
        (b"data: one\n\n", [("message", "one", "")]),
        (b"data: one\r\n\r\ndata: two\r\r", [("message", "one", ""), ("message", "two", "")]),
        (b"data: a\ndata: b\ndata\n\n", [("message", "a\nb\n", "")]),
        (b"event: delta\nid: 7\ndata: x\n\ndata: y\n\n", [("delta", "x", "7"), ("message", "y", "7")]),
        (b": keep-alive\n\n: OPENROUTER PROCESSING\n\ndata: x\n\n", [("message", "x", "")]),
        (b"event: lonely\n\ndata: x\n\n", [("message", "x", "")]),
        (b"data:no space\n\ndata:  two spaces\n\n", [("message", "no space", ""), ("message", " two spaces", "")]),
        (b"\xef\xbb\xbfdata: after a byte order mark\n\n", [("message", "after a byte order mark", "")]),
        (b"retry: 1000\nunknown: x\nid: \0\ndata: x\n\n", [("message", "x", "")]),
        (b"data: \xff\xc3\xbc\n\n", [("message", "\ufffdü", "")]),
        (b"data: {}\n\ndata: [DONE]", [("message", "{}", ""), ("message", "[DONE]", "")]),
        (b"", []),
    ],
)
def test_streams(stream: bytes, events: list[tuple[str, str, str]]) -> None:
    expected = [SseEvent(*event) for event in events]
    assert parsed(stream) == expected
    assert parsed(*(stream[i : i + 1] for i in range(len(stream)))) == expected


@given(
    st.lists(st.tuples(st.text(), st.one_of(st.none(), st.sampled_from(["delta", "done"])), st.integers(1))),
    st.integers(1, 20),
)
def test_what_is_encoded_is_read_back(events: list[tuple[str, str | None, int]], width: int) -> None:
    stream = b"".join(encode(event, data, number) for data, event, number in events)
    chunks = [stream[i : i + width] for i in range(0, len(stream), width)]
    # The format has one kind of line end: CR and CR LF come back as LF.
    unified = [(data.replace("\r\n", "\n").replace("\r", "\n"), event, number) for data, event, number in events]
    assert parsed(*chunks) == [SseEvent(event or "message", data, str(number)) for data, event, number in unified]


def test_bytes_of_an_event() -> None:
    assert encode("delta", b'{"a": 1}', 3) == b'id: 3\nevent: delta\ndata: {"a": 1}\n\n'
    assert encode(None, "x") == b"data: x\n\n"
    assert encode("e\nvil: x", "a\nb") == b"event: e vil: x\ndata: a\ndata: b\n\n"
    assert encode(None, "a\r") == encode(None, "a\r\n") == b"data: a\ndata: \n\n"
    assert comment("hi\nthere") == b": hi there\n\n"
    assert parsed(comment("x")) == []


def test_an_event_of_endless_lines_is_refused() -> None:
    parser = SseParser(max_bytes=100)
    with pytest.raises(LineTooLong):
        parser.feed(b"data: 0123456789\n" * 11)
