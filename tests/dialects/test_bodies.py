import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hearthside.dialects.bodies import ClientGone, is_deeper_than, read_body, replay
from hearthside.kit.errors import TooLarge
from tests.dialects.asgi import Client

VALUES = st.recursive(
    st.none() | st.text() | st.integers(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=60,
)


def depth(value: object) -> int:
    if isinstance(value, dict):
        value = list(value.values())
    return 1 + max(map(depth, value), default=0) if isinstance(value, list) else 0


@given(VALUES, st.integers(0, 8))
def test_depth_is_that_of_the_json(value: object, limit: int) -> None:
    assert is_deeper_than(limit, json.dumps(value).encode()) is (depth(value) > limit)


@pytest.mark.parametrize("opening", [b"[", b'{"a":', b'[{"a":'])
def test_unclosed_nesting_is_too_deep(opening: bytes) -> None:
    assert is_deeper_than(64, opening * 100_000)


def test_brackets_in_strings_do_not_count() -> None:
    assert not is_deeper_than(2, json.dumps(["[" * 1000, '\\"[{' * 1000]).encode())


def feed(client: Client, *parts: bytes) -> None:
    for number, part in enumerate(parts, 1):
        client.incoming.put_nowait({"type": "http.request", "body": part, "more_body": number < len(parts)})


async def test_reads_up_to_the_limit() -> None:
    client = Client()
    feed(client, b"12", b"345")
    assert await read_body(client.receive, 5, announced_bytes=None) == b"12345"


async def test_counts_what_really_comes() -> None:
    client = Client()
    feed(client, b"12", b"3456", b"7" * 1000)
    with pytest.raises(TooLarge):
        await read_body(client.receive, 5, announced_bytes=None)
    assert client.incoming.empty(), "the rest was not read: the client would see a reset instead of the answer"


async def test_refuses_by_the_announced_length() -> None:
    client = Client()
    feed(client, b"123456")
    with pytest.raises(TooLarge):
        await read_body(client.receive, 5, announced_bytes=6)


async def test_a_client_that_leaves_midway() -> None:
    client = Client()
    client.incoming.put_nowait({"type": "http.request", "body": b"1", "more_body": True})
    client.leave()
    with pytest.raises(ClientGone):
        await read_body(client.receive, 5, announced_bytes=None)


async def test_replay_gives_the_body_once_and_then_what_follows() -> None:
    client = Client()
    client.leave()
    receive = replay(b"body", client.receive)
    assert await receive() == {"type": "http.request", "body": b"body", "more_body": False}
    assert (await receive())["type"] == "http.disconnect"
