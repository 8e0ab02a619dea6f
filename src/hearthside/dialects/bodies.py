"""Bodies as they come in: counted while they are read, and JSON looked at for its depth before anything parses it."""

import asyncio
import re

from starlette.types import Message, Receive

from hearthside.kit.errors import TooLarge

# A body that is too large is read on for a while and thrown away: a client that is still sending would otherwise see
# its connection reset and never the answer. Both bounds end the kindness.
DISCARD_BYTES = 16 * 1024 * 1024
DISCARD_SECONDS = 5.0

_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)
_TO_SQUARE = bytes.maketrans(b"{}", b"[]")
_NOT_BRACKETS = bytes(byte for byte in range(256) if byte not in b"[]{}")


class ClientGone(Exception):
    """The client left before its request was whole; there is nobody to answer."""


async def read_body(receive: Receive, limit_bytes: int, *, announced_bytes: int | None) -> bytes:
    """The whole body. Errors: TooLarge, by the announced length or as soon as the count is over; ClientGone."""
    parts: list[bytes] = []
    size = 0
    if announced_bytes is None or announced_bytes <= limit_bytes:
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise ClientGone
            parts.append(message.get("body", b""))
            size += len(parts[-1])
            if size > limit_bytes:
                break
            if not message.get("more_body", False):
                return b"".join(parts)
    await _discard(receive)
    raise _too_large(limit_bytes)


def counted(receive: Receive, limit_bytes: int) -> Receive:
    """A receive that hands a body on as it comes, and raises TooLarge as soon as there is more of it than that."""
    size = 0

    async def next_part() -> Message:
        nonlocal size
        message = await receive()
        size += len(message.get("body", b""))
        if size > limit_bytes:
            if message.get("more_body", False):
                await _discard(receive)
            raise _too_large(limit_bytes)
        return message

    return next_part


def _too_large(limit_bytes: int) -> TooLarge:
    return TooLarge(f"The body is larger than the {limit_bytes} bytes that this server takes.")


async def _discard(receive: Receive) -> None:
    dropped = 0
    try:
        async with asyncio.timeout(DISCARD_SECONDS):
            while dropped < DISCARD_BYTES:
                message = await receive()
                if message["type"] == "http.disconnect" or not message.get("more_body", False):
                    return
                dropped += len(message.get("body", b""))
    except TimeoutError:
        return


def replay(body: bytes, receive: Receive) -> Receive:
    """A receive that gives `body` in one piece and then what comes after it (the client's leaving)."""
    given = False

    async def again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again


def is_deeper_than(limit: int, body: bytes) -> bool:
    """Whether JSON text nests more than `limit` levels, without parsing it and in linear time per level.

    Strings are cut out, all but the brackets dropped, and the innermost pairs taken away `limit` times: what is left
    over then was deeper. Brackets that never close count as levels.
    """
    if body.count(b"[") + body.count(b"{") <= limit:
        return False
    brackets = _STRING.sub(b"", body).translate(_TO_SQUARE, _NOT_BRACKETS)
    for _ in range(limit):
        brackets = brackets.replace(b"[]", b"")
    return b"[]" in brackets or brackets.count(b"[") > limit
