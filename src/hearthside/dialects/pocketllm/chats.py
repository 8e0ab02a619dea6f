"""/chats: conversations as one straight line of messages, with the model that replies in them."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Response

from hearthside.conversations.chat_settings import SavedChoice
from hearthside.conversations.model import MessageRole, MessageStatus
from hearthside.dialects.credentials import Reader, Throttled, Writer
from hearthside.dialects.pocketllm import chat_schemas as schemas
from hearthside.dialects.pocketllm import fields
from hearthside.dialects.pocketllm.codec import to_chat, to_message
from hearthside.dialects.replies import EVENTS, event_stream
from hearthside.dialects.services import House, Services
from hearthside.kit.actor import Actor, Scope
from hearthside.providers.changes import UNSET

router = APIRouter(prefix="/chats", tags=["chats"])

Poster = Annotated[Actor, Depends(Throttled("messages", Scope.WRITE))]

DEFAULT_TITLE = "Untitled chat"
STORED_OR_STREAMED: dict[int | str, dict[str, Any]] = {
    200: {**EVENTS[200], "description": "The message; or, with `stream`, ping, delta, reasoning, usage, error, done"}
}


@router.get("", responses=fields.PAGED)
async def list_chats(
    response: Response, actor: Reader, house: House, limit: fields.Limit = fields.MAX_PAGE, cursor: fields.Cursor = None
) -> list[schemas.ChatSummary]:
    """The newest first."""
    page = await house.conversations.list(actor, limit=limit, cursor=cursor)
    _say_next(response, page.next_cursor)
    return [to_chat(conversation, user_uid=actor.user_uid) for conversation in page.items]


@router.post("")
async def create(body: schemas.ChatCreate, actor: Writer, house: House) -> schemas.ChatSummary:
    made = await house.chat_settings.create(
        actor,
        title=DEFAULT_TITLE if body.title is None else body.title,
        model=None if body.model_config_id is None else SavedChoice(body.model_config_id),
        first_message=body.initial_message,
    )
    return to_chat(made, user_uid=actor.user_uid)


@router.get("/{chat_id}")
async def get(chat_id: fields.UidInPath, actor: Reader, house: House) -> schemas.ChatWithMessages:
    conversation = await house.conversations.find(actor, chat_id)
    chat = to_chat(conversation, user_uid=actor.user_uid)
    return schemas.ChatWithMessages(chat=chat, messages=await _all_messages(house, actor, conversation.id, chat_id))


@router.put("/{chat_id}")
async def update(
    chat_id: fields.UidInPath, body: schemas.ChatUpdate, actor: Writer, house: House
) -> schemas.ChatSummary:
    model = None if body.model_config_id is None else SavedChoice(body.model_config_id)
    changed = await house.chat_settings.update(
        actor,
        await house.conversations.id_of(actor, chat_id),
        title=body.title,
        model=model if "model_config_id" in body.model_fields_set else UNSET,
    )
    return to_chat(changed, user_uid=actor.user_uid)


@router.delete("/{chat_id}", status_code=204)
async def delete(chat_id: fields.UidInPath, actor: Writer, house: House) -> None:
    await house.conversations.delete(actor, await house.conversations.id_of(actor, chat_id))


@router.get("/{chat_id}/messages", responses=fields.PAGED)
async def list_messages(
    chat_id: fields.UidInPath,
    response: Response,
    actor: Reader,
    house: House,
    limit: fields.Limit | None = None,
    cursor: fields.Cursor = None,
) -> list[schemas.Message]:
    """The oldest first; all of them, or with `limit` a page. A reply is there once it has ended."""
    conversation_id = await house.conversations.id_of(actor, chat_id)
    if limit is None and cursor is None:
        return await _all_messages(house, actor, conversation_id, chat_id)
    page = await house.conversations.messages(actor, conversation_id, limit=limit or fields.MAX_PAGE, cursor=cursor)
    _say_next(response, page.next_cursor)
    ended = [message for message in page.items if message.status is not MessageStatus.STREAMING]
    return [to_message(message, chat_uid=chat_id) for message in ended]


@router.post("/{chat_id}/messages", response_model=schemas.Message, responses=STORED_OR_STREAMED)
async def post_message(
    chat_id: fields.UidInPath, body: schemas.MessageCreate, actor: Poster, house: House
) -> schemas.Message | Response:
    """Stores the message. A user's one is replied to: as a stream, or in the background where a model is chosen for the
    chat or is the user's default."""
    conversation_id = await house.conversations.id_of(actor, chat_id)
    if body.stream:
        return await _streamed(house, actor, conversation_id, body)
    choice = None
    if body.wants_reply and Scope.GENERATE in actor.scopes:
        choice = await house.chat_settings.configured(actor, conversation_id)
    if choice is None:
        message = await house.conversations.append(
            actor, conversation_id, content=body.content, role=MessageRole(body.role), metadata=body.metadata
        )
    else:
        message, _ = await house.generations.ask(actor, conversation_id, body.content, choice, metadata=body.metadata)
    return to_message(message, chat_uid=chat_id)


async def _streamed(house: Services, actor: Actor, conversation_id: int, body: schemas.MessageCreate) -> Response:
    actor.require(Scope.GENERATE)
    choice = await house.chat_settings.choose(actor, conversation_id)
    _, generation = await house.generations.ask(actor, conversation_id, body.content, choice, metadata=body.metadata)
    return event_stream(house, actor, conversation_id, generation.uid)


async def _all_messages(house: Services, actor: Actor, conversation_id: int, chat_uid: str) -> list[schemas.Message]:
    messages = await house.conversations.all_messages(actor, conversation_id)
    ended = [message for message in messages if message.status is not MessageStatus.STREAMING]
    return [to_message(message, chat_uid=chat_uid) for message in ended]


def _say_next(response: Response, cursor: str | None) -> None:
    if cursor is not None:
        response.headers[fields.NEXT_CURSOR] = cursor
