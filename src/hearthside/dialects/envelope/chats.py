"""/chats: chats, the model that answers in each, and their messages."""

from typing import Annotated

from fastapi import APIRouter, Depends

from hearthside.conversations.model import Conversation
from hearthside.dialects.credentials import Reader, Throttled, Writer
from hearthside.dialects.envelope import fields, requests, schemas
from hearthside.dialects.envelope.answers import Enveloped, Success, ok
from hearthside.dialects.envelope.codec import from_model_config, to_chat, to_failure, to_message
from hearthside.dialects.services import House, Services
from hearthside.kit.actor import Actor, Scope
from hearthside.models.model import SavedModel
from hearthside.providers.changes import UNSET

router = APIRouter(prefix="/chats", tags=["chats"], default_response_class=Enveloped)

Sender = Annotated[Actor, Depends(Throttled("messages", Scope.GENERATE))]
PAGE = 1000


@router.get("")
async def list_chats(actor: Reader, house: House) -> Success[list[schemas.ChatOut]]:
    """All of them, the one that changed last first."""
    chats = await _all_chats(house, actor)
    saved = await _saved_models(house, actor, chats)
    return ok([to_chat(chat, actor.user_uid, saved) for chat in chats])


@router.post("", status_code=201)
async def create_chat(body: requests.NewChatBody, actor: Writer, house: House) -> Success[schemas.ChatOut]:
    chat = await house.chat_settings.create(actor, title=body.title, model=from_model_config(body.chosen))
    return ok(to_chat(chat, actor.user_uid))


@router.get("/{chat_id}")
async def get_chat(chat_id: fields.Uid, actor: Reader, house: House) -> Success[schemas.ChatOut]:
    return ok(await _shown(house, actor, await house.conversations.find(actor, chat_id)))


@router.put("/{chat_id}")
async def update_chat(
    chat_id: fields.Uid, body: requests.ChatBody, actor: Writer, house: House
) -> Success[schemas.ChatOut]:
    given = body.model_fields_set
    updated = await house.chat_settings.update(
        actor,
        await house.conversations.id_of(actor, chat_id),
        title=body.title if "title" in given else None,
        model=from_model_config(body.chosen) if "chosen" in given else UNSET,
    )
    return ok(await _shown(house, actor, updated))


@router.delete("/{chat_id}")
async def delete_chat(chat_id: fields.Uid, actor: Writer, house: House) -> Success[schemas.Done]:
    await house.conversations.delete(actor, await house.conversations.id_of(actor, chat_id))
    return ok(schemas.Done(message="Chat deleted successfully"))


@router.post("/{chat_id}/messages", status_code=201)
async def send_message(
    chat_id: fields.Uid, body: requests.MessageBody, actor: Sender, house: House
) -> Success[schemas.Exchange]:
    """Waits for the reply, which is made to its end even if the client leaves. 502 says in words why there is none."""
    conversation_id = await house.conversations.id_of(actor, chat_id)
    choice = await house.chat_settings.choose(actor, conversation_id, own=from_model_config(body.chosen))
    asked, begun = await house.generations.ask(actor, conversation_id, body.content, choice)
    ended = await house.generations.ended(actor, conversation_id, begun.uid)
    failure = to_failure(ended)
    if failure is not None:
        raise failure
    answer = await house.conversations.message(actor, conversation_id, ended.message_id)
    return ok(schemas.Exchange(user_message=to_message(asked, chat_id), assistant_message=to_message(answer, chat_id)))


@router.get("/{chat_id}/messages")
async def list_messages(
    chat_id: fields.Uid, actor: Reader, house: House, limit: fields.Limit = 50, offset: fields.Offset = 0
) -> Success[list[schemas.MessageOut]]:
    """From the first one on. A reply is there once it has text."""
    conversation_id = await house.conversations.id_of(actor, chat_id)
    page = await house.conversations.messages(actor, conversation_id, limit=limit, offset=offset, with_empty=False)
    return ok([to_message(message, chat_id) for message in page.items])


async def _all_chats(house: Services, actor: Actor) -> list[Conversation]:
    chats: list[Conversation] = []
    cursor: str | None = None
    while True:
        page = await house.conversations.list(actor, limit=PAGE, cursor=cursor)
        chats.extend(page.items)
        cursor = page.next_cursor
        if cursor is None:
            return chats


async def _shown(house: Services, actor: Actor, chat: Conversation) -> schemas.ChatOut:
    return to_chat(chat, actor.user_uid, await _saved_models(house, actor, [chat]))


async def _saved_models(house: Services, actor: Actor, chats: list[Conversation]) -> dict[str, SavedModel]:
    """By id, where one of the chats goes by one; document 0 lets people choose them."""
    if Scope.READ not in actor.scopes or all(chat.model_config_uid is None for chat in chats):
        return {}
    return {saved.uid: saved for saved in await house.saved_models.list(actor)}
