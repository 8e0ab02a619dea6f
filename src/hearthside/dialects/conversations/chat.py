"""Replies: streaming them, coming back to them, cancelling and retrying."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Query, Response

from hearthside.conversations.generations import ReplyChoice
from hearthside.dialects.conversations import fields, schemas
from hearthside.dialects.conversations.codec import to_frame, to_ping
from hearthside.dialects.credentials import Generator, Reader, Throttled
from hearthside.dialects.services import House, Services
from hearthside.dialects.stream import EventStream, Frame
from hearthside.kit.actor import Actor, Scope
from hearthside.kit.errors import FieldProblem, Invalid

router = APIRouter(tags=["chat"])

Streamer = Annotated[Actor, Depends(Throttled("stream", Scope.GENERATE))]
Retrier = Annotated[Actor, Depends(Throttled("retry", Scope.GENERATE))]
LastEventId = Annotated[str | None, Header(alias="Last-Event-ID", max_length=40)]
LastEventIdQuery = Annotated[str | None, Query(alias="last_event_id", max_length=40)]

# The routes below name `Response` as their class: with EventStream, FastAPI would describe their errors as streams too.
EVENTS: dict[int | str, dict[str, Any]] = {
    200: {"content": {"text/event-stream": {}}, "description": "ping, delta, reasoning, usage, error, done"}
}


@router.post("/conversations/{conversation_id}/stream", response_class=Response, responses=EVENTS)
async def stream(conversation_id: fields.Id, body: schemas.StreamBody, actor: Streamer, house: House) -> EventStream:
    """Starts the reply to the last message, or attaches to the one that is being made, and streams it."""
    choice = await _choice(house, actor, body)
    generation = await house.generations.reply(actor, conversation_id, choice)
    return _event_stream(house, actor, conversation_id, generation.uid, after=0)


@router.get(
    "/conversations/{conversation_id}/stream/{generation_id}",
    response_class=Response,
    responses=EVENTS,
)
async def resume(
    conversation_id: fields.Id,
    generation_id: fields.Uid,
    actor: Reader,
    house: House,
    last_event_id: LastEventId = None,
    last_event_id_query: LastEventIdQuery = None,
) -> EventStream:
    """Goes on with a reply after the event that the client saw last."""
    after = _parse_event_id(last_event_id or last_event_id_query or "0")
    generation = await house.generations.get(actor, conversation_id, generation_id)
    return _event_stream(house, actor, conversation_id, generation.uid, after=after)


@router.post("/chat/cancel/{generation_id}")
async def cancel(generation_id: fields.Uid, actor: Generator, house: House) -> schemas.Done:
    await house.generations.cancel(actor, generation_id)
    return schemas.Done(message="Generation canceled")


@router.post("/chat/retry")
async def retry(body: schemas.RetryBody, actor: Retrier, house: House) -> schemas.MessageMade:
    """Asks again: a copy of the last user message begins a branch, and its reply starts at once."""
    choice = await _choice(house, actor, body)
    message = await house.generations.retry(actor, body.conversation_id, choice)
    return schemas.MessageMade(message_id=message.id, conversation_id=body.conversation_id)


async def _choice(house: Services, actor: Actor, body: schemas.StreamBody) -> ReplyChoice:
    provider_id, model = await house.catalogue.choose(actor.user_id, body.provider_id, body.model)
    return ReplyChoice(provider_id=provider_id, model=model, sampling=body.sampling)


def _event_stream(
    house: Services, actor: Actor, conversation_id: int, generation_uid: str, *, after: int
) -> EventStream:
    return EventStream(
        _frames(house, actor, conversation_id, generation_uid, after=after),
        ping=lambda: to_ping(generation_uid, house.clock.now()),
        after=str(after),
    )


async def _frames(
    house: Services, actor: Actor, conversation_id: int, generation_uid: str, *, after: int
) -> AsyncGenerator[Frame]:
    async with aclosing(house.generations.events(actor, conversation_id, generation_uid, after=after)) as events:
        async for event in events:
            yield to_frame(event, generation_uid)


def _parse_event_id(text: str) -> int:
    if text.isascii() and text.isdigit() and int(text) <= fields.MAX_ID:
        return int(text)
    problem = FieldProblem("header.Last-Event-ID", "not the id of an event of this stream")
    raise Invalid("The Last-Event-ID is not one that this server gave.", fields=[problem])
