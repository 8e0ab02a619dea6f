"""/conversations: conversations and their messages."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response

from hearthside.dialects.conversations import fields, schemas
from hearthside.dialects.conversations.codec import to_conversation, to_message
from hearthside.dialects.credentials import Reader, Throttled, Writer
from hearthside.dialects.services import House
from hearthside.kit.actor import Actor, Scope

router = APIRouter(prefix="/conversations", tags=["conversations"])

ThrottledWriter = Annotated[Actor, Depends(Throttled("messages", Scope.WRITE))]
Search = Annotated[fields.Line | None, Query(max_length=500, description="Words of the title or of a message")]
Tree = Annotated[bool, Query(description="All branches, not only the one that is shown")]


@router.post("")
async def create(body: schemas.ConversationBody, actor: Writer, house: House) -> schemas.ConversationOut:
    return to_conversation(await house.conversations.create(actor, title=body.title))


@router.get("", responses=fields.PAGED)
async def list_conversations(
    response: Response,
    actor: Reader,
    house: House,
    q: Search = None,
    limit: fields.Limit = fields.MAX_PAGE,
    cursor: fields.Cursor = None,
) -> list[schemas.ConversationOut]:
    page = await house.conversations.list(actor, query=q, limit=limit, cursor=cursor)
    _say_next(response, page.next_cursor)
    return [to_conversation(conversation) for conversation in page.items]


@router.get("/{conversation_id}")
async def get(conversation_id: fields.Id, actor: Reader, house: House) -> schemas.ConversationOut:
    return to_conversation(await house.conversations.get(actor, conversation_id))


@router.patch("/{conversation_id}")
async def rename(conversation_id: fields.Id, body: schemas.RenameBody, actor: Writer, house: House) -> schemas.Done:
    await house.conversations.rename(actor, conversation_id, title=body.title)
    return schemas.Done(message="Conversation renamed")


@router.delete("/{conversation_id}")
async def delete(conversation_id: fields.Id, actor: Writer, house: House) -> schemas.Done:
    await house.conversations.delete(actor, conversation_id)
    return schemas.Done(message="Conversation deleted")


@router.get("/{conversation_id}/messages", responses=fields.PAGED)
async def list_messages(
    conversation_id: fields.Id,
    response: Response,
    actor: Reader,
    house: House,
    tree: Tree = False,
    limit: fields.Limit | None = None,
    cursor: fields.Cursor = None,
) -> list[schemas.MessageOut]:
    """All messages, as the document says; with `limit`, a page of them."""
    if limit is None:
        messages = await house.conversations.all_messages(actor, conversation_id, tree=tree)
        return [to_message(message) for message in messages]
    page = await house.conversations.messages(actor, conversation_id, limit=limit, cursor=cursor, tree=tree)
    _say_next(response, page.next_cursor)
    return [to_message(message) for message in page.items]


@router.post("/{conversation_id}/messages")
async def append_message(
    conversation_id: fields.Id, body: schemas.MessageBody, actor: ThrottledWriter, house: House
) -> schemas.MessageMade:
    if body.parent_id is None:
        message = await house.conversations.append(actor, conversation_id, content=body.content)
    else:
        message = await house.conversations.append(
            actor, conversation_id, content=body.content, parent_id=body.parent_id
        )
    return schemas.MessageMade(message_id=message.id, conversation_id=conversation_id)


@router.post("/{conversation_id}/leaf")
async def select_branch(
    conversation_id: fields.Id, body: schemas.LeafBody, actor: Writer, house: House
) -> schemas.Done:
    """Shows the branch that the message is on."""
    await house.conversations.select_leaf(actor, conversation_id, body.message_id)
    return schemas.Done(message="Branch selected")


def _say_next(response: Response, cursor: str | None) -> None:
    if cursor is not None:
        response.headers[fields.NEXT_CURSOR] = cursor
