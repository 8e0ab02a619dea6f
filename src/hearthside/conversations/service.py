"""Conversations and the messages in them: what a person makes, finds, reads, changes and deletes.

Whatever is another user's does not exist: the same NotFound. Replies are made in `generations.py`.
"""

from collections.abc import Mapping
from enum import Enum
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncConnection

from hearthside.conversations import generation_store, message_store, search_store, store, tree, workspace_store
from hearthside.conversations.model import Conversation, Message, MessageRole
from hearthside.conversations.text import storable
from hearthside.conversations.workspaces import DEFAULT_WORKSPACE, workspace_not_found
from hearthside.kit.actor import Actor, Scope
from hearthside.kit.clock import Clock
from hearthside.kit.db import Database
from hearthside.kit.errors import FieldProblem, Invalid, NotFound
from hearthside.kit.events import EventLog
from hearthside.kit.pages import Key, Page, from_cursor, to_cursor
from hearthside.kit.text import storable_json
from hearthside.kit.wakeups import Topic, Wakeups
from hearthside.usage.service import Usage

DEFAULT_TITLE: Final = "New Conversation"
MAX_TITLE_CHARACTERS: Final = 500

# Databases take only so many values in one statement.
_IDS_AT_ONCE: Final = 1000


class Place(Enum):
    """Where a message is appended, where no parent is named."""

    LEAF = "leaf"


class Conversations:
    def __init__(self, database: Database, clock: Clock, events: EventLog, wakeups: Wakeups, usage: Usage) -> None:
        self._database = database
        self._clock = clock
        self._events = events
        self._wakeups = wakeups
        self._usage = usage

    async def create(self, actor: Actor, *, title: str | None = None, workspace_id: int | None = None) -> Conversation:
        """An empty conversation; in the default workspace unless another is named. Errors: NotFound, Invalid."""
        actor.require(Scope.WRITE)
        title = checked_title(DEFAULT_TITLE if title is None else title)
        now = self._clock.now()
        async with self._database.write() as connection:
            workspace = await workspace_store.ensure_default(connection, actor.user_id, name=DEFAULT_WORKSPACE, now=now)
            if workspace_id is not None and workspace_id != workspace.id:
                found = await workspace_store.get(connection, actor.user_id, workspace_id)
                if found is None:
                    raise workspace_not_found()
                workspace = found
            return await store.insert(connection, actor.user_id, workspace_id=workspace.id, title=title, now=now)

    async def list(
        self,
        actor: Actor,
        *,
        query: str | None = None,
        workspace_id: int | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page[Conversation]:
        """Newest updated first. `query`: words that all stand in the title or in one of the messages."""
        actor.require(Scope.READ)
        before = None if cursor is None else from_cursor(cursor)
        words = search_store.words_of(query or "")
        if query and query.strip() and not words:
            return Page((), None)
        async with self._database.read() as connection:
            conversations = await store.recent(
                connection,
                actor.user_id,
                limit=limit + 1,
                before=before,
                workspace_id=workspace_id,
                among=search_store.matching(connection, actor.user_id, words) if words else None,
            )
        page = tuple(conversations[:limit])
        more = len(conversations) > limit
        return Page(page, to_cursor(Key(page[-1].updated_at, page[-1].id)) if more else None)

    async def get(self, actor: Actor, conversation_id: int) -> Conversation:
        """Errors: NotFound (conversation_not_found)."""
        actor.require(Scope.READ)
        async with self._database.read() as connection:
            return found(await store.get(connection, actor.user_id, conversation_id))

    async def find(self, actor: Actor, uid: str) -> Conversation:
        """By its UUID. Errors: NotFound (conversation_not_found)."""
        actor.require(Scope.READ)
        async with self._database.read() as connection:
            return found(await store.find(connection, actor.user_id, uid))

    async def id_of(self, actor: Actor, uid: str) -> int:
        """The id behind a UUID, whatever is to be done with it. Errors: NotFound (conversation_not_found)."""
        async with self._database.read() as connection:
            return found(await store.find(connection, actor.user_id, uid)).id

    async def rename(self, actor: Actor, conversation_id: int, *, title: str) -> Conversation:
        """Errors: NotFound (conversation_not_found), Invalid."""
        actor.require(Scope.WRITE)
        title = checked_title(title)
        async with self._database.write() as connection:
            return found(
                await store.rename(connection, actor.user_id, conversation_id, title=title, now=self._clock.now())
            )

    async def delete(self, actor: Actor, conversation_id: int) -> None:
        """With all its messages; replies that are being made end. Errors: NotFound (conversation_not_found)."""
        actor.require(Scope.WRITE)
        async with self._database.write() as connection:
            found(await store.get(connection, actor.user_id, conversation_id, lock=True))
            uids = await generation_store.uids(connection, actor.user_id, conversation_id=conversation_id)
            await self._events.discard(connection, list(uids))
            await store.delete(connection, actor.user_id, conversation_id)
        self._events.discarded(list(uids))
        self._wakeups.send(Topic.CANCEL, [uid for uid, is_running in uids.items() if is_running])

    async def messages(
        self,
        actor: Actor,
        conversation_id: int,
        *,
        limit: int,
        cursor: str | None = None,
        offset: int = 0,
        tree: bool = False,
        with_empty: bool = True,
    ) -> Page[Message]:
        """The branch that is shown, from its first message on; with `tree`, the messages of all branches.

        Without `with_empty`, replies that have no text (yet) are left out, as if they were not there. `offset`: how
        many to skip. Errors: NotFound (conversation_not_found), Invalid (invalid_cursor).
        """
        actor.require(Scope.READ)
        after = 0 if cursor is None else from_cursor(cursor).id
        async with self._database.read() as connection:
            conversation = found(await store.get(connection, actor.user_id, conversation_id))
            empty: set[int] = set() if with_empty else await message_store.empty_ids(connection, conversation_id)
            ids = [id_ for id_ in await _ids(connection, conversation, all_branches=tree) if id_ > after]
            ids = [id_ for id_ in ids if id_ not in empty][offset:]
            page = tuple(await message_store.some(connection, ids[:limit]))
        more = len(ids) > limit
        return Page(page, to_cursor(Key(page[-1].created_at, page[-1].id)) if more else None)

    async def all_messages(self, actor: Actor, conversation_id: int, *, tree: bool = False) -> "list[Message]":
        """What `messages` gives page by page. Errors: NotFound (conversation_not_found)."""
        actor.require(Scope.READ)
        async with self._database.read() as connection:
            conversation = found(await store.get(connection, actor.user_id, conversation_id))
            ids = await _ids(connection, conversation, all_branches=tree)
            found_messages: list[Message] = []
            for start in range(0, len(ids), _IDS_AT_ONCE):
                found_messages += await message_store.some(connection, ids[start : start + _IDS_AT_ONCE])
        return found_messages

    async def message(self, actor: Actor, conversation_id: int, message_id: int) -> Message:
        """Errors: NotFound (conversation_not_found, message_not_found)."""
        if Scope.GENERATE not in actor.scopes:  # who may ask for a reply may also see it
            actor.require(Scope.READ)
        async with self._database.read() as connection:
            found(await store.get(connection, actor.user_id, conversation_id))
            message = await message_store.get(connection, conversation_id, message_id)
        if message is None:
            raise message_not_found()
        return message

    async def append(
        self,
        actor: Actor,
        conversation_id: int,
        *,
        content: str,
        role: MessageRole = MessageRole.USER,
        parent_id: int | Place | None = Place.LEAF,
        metadata: Mapping[str, Any] | None = None,
    ) -> Message:
        """Adds a message after the last one shown, or after `parent_id` (None: as a first message) beside what follows
        that already, as an edit does. The branch that ends with it is the one shown.

        Errors: NotFound (conversation_not_found, message_not_found), Invalid, QuotaExceeded.
        """
        actor.require(Scope.WRITE)
        content = checked_content(content)
        now = self._clock.now()
        async with self._database.write() as connection:
            conversation = found(await store.get(connection, actor.user_id, conversation_id, lock=True))
            parent = conversation.leaf_id if isinstance(parent_id, Place) else parent_id
            if parent is not None and await message_store.get(connection, conversation_id, parent) is None:
                raise message_not_found()
            message = await message_store.insert(
                connection,
                conversation,
                parent_id=parent,
                role=role,
                content=content,
                metadata=storable_json(metadata),
                now=now,
            )
            await store.show(connection, conversation_id, leaf_id=message.id, now=now)
            await self._usage.count_message(connection, actor.user_id)
        return message

    async def select_leaf(self, actor: Actor, conversation_id: int, message_id: int) -> Conversation:
        """Shows the newest branch that goes through a message.

        Errors: NotFound (conversation_not_found, message_not_found).
        """
        actor.require(Scope.WRITE)
        now = self._clock.now()
        async with self._database.write() as connection:
            found(await store.get(connection, actor.user_id, conversation_id, lock=True))
            nodes = await message_store.tree(connection, conversation_id)
            if message_id not in nodes:
                raise message_not_found()
            await store.show(connection, conversation_id, leaf_id=tree.newest_leaf(nodes, message_id), now=now)
            return found(await store.get(connection, actor.user_id, conversation_id))


def found(conversation: Conversation | None) -> Conversation:
    """Errors: NotFound (conversation_not_found)."""
    if conversation is None:
        raise NotFound("There is no such conversation.", code="conversation_not_found")
    return conversation


def message_not_found() -> NotFound:
    return NotFound("There is no such message in this conversation.", code="message_not_found")


async def _ids(connection: AsyncConnection, conversation: Conversation, *, all_branches: bool) -> "list[int]":
    nodes = await message_store.tree(connection, conversation.id)
    return [*nodes] if all_branches else [*tree.branch(nodes, conversation.leaf_id)]


def checked_title(text: str) -> str:
    """As it can be stored. Errors: Invalid."""
    title = storable(text).strip()
    if not 1 <= len(title) <= MAX_TITLE_CHARACTERS:
        problem = FieldProblem("title", f"1 to {MAX_TITLE_CHARACTERS} characters are needed")
        raise Invalid("The title is empty or too long.", fields=[problem])
    return title


def checked_content(text: str) -> str:
    """What a person wrote, as it can be stored. Errors: Invalid."""
    content = storable(text)
    if not content.strip():
        raise Invalid("The message is empty.", fields=[FieldProblem("content", "some text is needed")])
    return content
