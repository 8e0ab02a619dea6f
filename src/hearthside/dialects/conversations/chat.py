"""Replies: streaming them, coming back to them, cancelling and retrying."""

from typing import Annotated

from fastapi import APIRouter, Depends, Header, Query, Response

from hearthside.conversations.generations import ReplyChoice
from hearthside.dialects.conversations import fields, schemas
from hearthside.dialects.credentials import Generator, Reader, Throttled
from hearthside.dialects.replies import EVENTS, event_stream
from hearthside.dialects.services import House, Services
from hearthside.dialects.stream import EventStream
from hearthside.kit.actor import Actor, Scope
from hearthside.kit.errors import FieldProblem, Invalid

router = APIRouter(tags=["chat"])

Streamer = Annotated[Actor, Depends(Throttled("stream", Scope.GENERATE))]
Retrier = Annotated[Actor, Depends(Throttled("retry", Scope.GENERATE))]
LastEventId = Annotated[str | None, Header(alias="Last-Event-ID", max_length=40)]
LastEventIdQuery = Annotated[str | None, Query(alias="last_event_id", max_length=40)]


@router.post("/conversations/{conversation_id}/stream", response_class=Response, responses=EVENTS)
async def stream(conversation_id: fields.Id, body: schemas.StreamBody, actor: Streamer, house: House) -> EventStream:
    """Starts the reply to the last message, or attaches to the one that is being made, and streams it."""
    choice = await _choice(house, actor, conversation_id, body)
    generation = await house.generations.reply(actor, conversation_id, choice)
    return event_stream(house, actor, conversation_id, generation.uid)


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
    return event_stream(house, actor, conversation_id, generation.uid, after=after)


@router.post("/chat/cancel/{generation_id}")
async def cancel(generation_id: fields.Uid, actor: Generator, house: House) -> schemas.Done:
    await house.generations.cancel(actor, generation_id)
    return schemas.Done(message="Generation canceled")


@router.post("/chat/retry")
async def retry(body: schemas.RetryBody, actor: Retrier, house: House) -> schemas.MessageMade:
    """Asks again: a copy of the last user message begins a branch, and its reply starts at once."""
    choice = await _choice(house, actor, body.conversation_id, body)
    message = await house.generations.retry(actor, body.conversation_id, choice)
    return schemas.MessageMade(message_id=message.id, conversation_id=body.conversation_id)


async def _choice(house: Services, actor: Actor, conversation_id: int, body: schemas.StreamBody) -> ReplyChoice:
    return await house.chat_settings.choose(
        actor, conversation_id, provider_id=body.provider_id, model=body.model, sampling=body.sampling
    )


def _parse_event_id(text: str) -> int:
    if text.isascii() and text.isdigit() and int(text) <= fields.MAX_ID:
        return int(text)
    problem = FieldProblem("header.Last-Event-ID", "not the id of an event of this stream")
    raise Invalid("The Last-Event-ID is not one that this server gave.", fields=[problem])
