"""A reply as server-sent events: document 2's `ping`, `delta`, `reasoning`, `usage`, `error` and `done`.

Other dialects whose documents leave the form of a stream open send the same.
"""

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Any

import msgspec

from hearthside.dialects.services import Services
from hearthside.dialects.stream import EventStream, Frame
from hearthside.kit.actor import Actor
from hearthside.kit.events import LoggedEvent

# The document knows three failures of a provider, the core tells more apart. Other codes are the core's in capitals.
CODES = {
    "provider_auth": "PROVIDER_ERROR",
    "provider_rate_limited": "PROVIDER_ERROR",
    "provider_quota": "PROVIDER_ERROR",
    "stream_cut": "PROVIDER_ERROR",
    "provider_overloaded": "PROVIDER_UNREACHABLE",
}

# The routes name `Response` as their class: with EventStream, FastAPI would describe their errors as streams too.
EVENTS: dict[int | str, dict[str, Any]] = {
    200: {"content": {"text/event-stream": {}}, "description": "ping, delta, reasoning, usage, error, done"}
}


def event_stream(
    house: Services, actor: Actor, conversation_id: int, generation_uid: str, *, after: int = 0
) -> EventStream:
    """The events of a reply, from `after` + 1 on to its end. Leaving ends nothing."""
    return EventStream(
        _frames(house, actor, conversation_id, generation_uid, after=after),
        ping=lambda: _to_ping(generation_uid, house.clock.now()),
        after=str(after),
    )


async def _frames(
    house: Services, actor: Actor, conversation_id: int, generation_uid: str, *, after: int
) -> AsyncGenerator[Frame]:
    async with aclosing(house.generations.events(actor, conversation_id, generation_uid, after=after)) as events:
        async for event in events:
            yield _to_frame(event, generation_uid)


def to_code(code: str) -> str:
    """A code of the core as the document writes it."""
    return CODES.get(code) or code.upper()


def to_time(moment: datetime) -> str:
    """`2024-01-15T10:30:00`: UTC, to the second, no zone."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")


def to_token_counts(usage: Mapping[str, int]) -> dict[str, int]:
    prompt, completion = usage.get("input_tokens", 0), usage.get("output_tokens", 0)
    total = usage.get("total_tokens", prompt + completion)
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": total}


def _to_frame(event: LoggedEvent, generation_uid: str) -> Frame:
    """An event of a generation's log as the document's event of the same name."""
    data = {"generation_id": generation_uid, **_payload(event)}
    return Frame(str(event.seq), event.type, msgspec.json.encode(data))


def _payload(event: LoggedEvent) -> Mapping[str, Any]:
    if event.type == "usage":
        return {"usage": to_token_counts(event.data)}
    if event.type == "error":
        return {**event.data, "code": to_code(event.data["code"])}
    return event.data


def _to_ping(generation_uid: str, now: datetime) -> bytes:
    return msgspec.json.encode({"ts": to_time(now), "generation_id": generation_uid})
