"""The beginning of a reply: which message it fills, what the model is asked, and the rows that make it the server's.

One transaction: after it, the reply is made even if nobody is there to read it; before it, nothing has happened.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from hearthside.conversations import generation_store, history, message_store, store, tree, workspace_store
from hearthside.conversations.model import Conversation, Generation, Message, MessageRole, MessageStatus, ReplyChoice
from hearthside.conversations.service import checked_content, found
from hearthside.gateway.model import Request
from hearthside.kit.actor import Actor
from hearthside.kit.clock import Clock
from hearthside.kit.errors import Invalid, RateLimited
from hearthside.kit.events import EventLog, StreamWriter
from hearthside.kit.text import storable_json
from hearthside.providers.model import BoundKey
from hearthside.usage.service import Usage

# A finished reply that nobody has asked for yet can be shown so long: less than its events are kept.
REPLAY_WITHIN = timedelta(minutes=50)


@dataclass(frozen=True, slots=True)
class Opened:
    """A reply about to be made: `message` is the one that it fills, with what that holds already."""

    generation: Generation
    message: Message
    request: Request
    key: BoundKey | None
    writer: StreamWriter


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a reply goes: into `message`, or into a new one after `branch`; either way it answers the branch."""

    branch: Sequence[Message]
    message: Message | None


class Openings:
    def __init__(self, events: EventLog, usage: Usage, clock: Clock, *, owner: str, max_running_per_user: int) -> None:
        self._events = events
        self._usage = usage
        self._clock = clock
        self._owner = owner
        self._max_running = max_running_per_user

    async def reply(
        self, connection: AsyncConnection, actor: Actor, conversation_id: int, *, choice: ReplyChoice
    ) -> Opened | Generation:
        """Opens the next reply, or returns the generation that is, or was, making it already.

        Errors: NotFound (conversation_not_found), Invalid (no_user_message), QuotaExceeded, RateLimited
        (too_many_replies).
        """
        await workspace_store.lock_user(connection, actor.user_id)
        conversation = found(await store.get(connection, actor.user_id, conversation_id, lock=True))
        branch = await self._branch(connection, conversation)
        return await self._existing(connection, branch) or await self._open(
            connection, actor, conversation, choice=choice, place=_place(branch), claimed=True
        )

    async def ask(
        self,
        connection: AsyncConnection,
        actor: Actor,
        conversation_id: int,
        *,
        content: str,
        choice: ReplyChoice,
        metadata: Mapping[str, Any] | None = None,
    ) -> tuple[Message, Opened]:
        """Appends a user message to the branch that is shown, and opens the reply to it.

        Errors: NotFound (conversation_not_found), Invalid, QuotaExceeded, RateLimited (too_many_replies).
        """
        content = checked_content(content)
        await workspace_store.lock_user(connection, actor.user_id)
        conversation = found(await store.get(connection, actor.user_id, conversation_id, lock=True))
        branch = await self._branch(connection, conversation)
        asked = await self._insert(
            connection, conversation, content=content, parent_id=conversation.leaf_id, metadata=metadata
        )
        place = _Place([*branch, asked], None)
        return asked, await self._open(connection, actor, conversation, choice=choice, place=place, claimed=True)

    async def retry(
        self, connection: AsyncConnection, actor: Actor, conversation_id: int, *, choice: ReplyChoice
    ) -> tuple[Message, Opened]:
        """Copies the last user message beside itself, shows that branch, and opens the reply to the copy.

        The same errors as `reply`.
        """
        await workspace_store.lock_user(connection, actor.user_id)
        conversation = found(await store.get(connection, actor.user_id, conversation_id, lock=True))
        branch = await self._branch(connection, conversation)
        last = max((place for place, one in enumerate(branch) if one.role is MessageRole.USER), default=None)
        if last is None:
            raise _no_user_message()
        asked = branch[last]
        copy = await self._insert(
            connection, conversation, content=asked.content, parent_id=asked.parent_id, metadata=asked.metadata
        )
        place = _Place([*branch[:last], copy], None)
        return copy, await self._open(connection, actor, conversation, choice=choice, place=place, claimed=False)

    async def _insert(
        self,
        connection: AsyncConnection,
        conversation: Conversation,
        *,
        content: str,
        parent_id: int | None,
        metadata: Mapping[str, Any] | None,
    ) -> Message:
        """A user message; it counts as one that was sent."""
        now = self._clock.now()
        asked = await message_store.insert(
            connection,
            conversation,
            parent_id=parent_id,
            role=MessageRole.USER,
            content=content,
            metadata=storable_json(metadata),
            now=now,
        )
        await self._usage.count_message(connection, conversation.user_id)
        return asked

    async def _branch(self, connection: AsyncConnection, conversation: Conversation) -> list[Message]:
        nodes = await message_store.tree(connection, conversation.id)
        return await message_store.some(connection, tree.branch(nodes, conversation.leaf_id))

    async def _existing(self, connection: AsyncConnection, branch: Sequence[Message]) -> Generation | None:
        """One that runs for the last message; or one that has finished, and that nobody has seen."""
        if not branch:
            return None
        leaf = branch[-1]
        running = await generation_store.running_for(connection, leaf.conversation_id, leaf_id=leaf.id)
        if running is not None:
            await generation_store.mark_claimed(connection, running.id)
            if running.message_id != leaf.id:
                await store.show(connection, leaf.conversation_id, leaf_id=running.message_id, now=self._clock.now())
            return running
        since = self._clock.now() - REPLAY_WITHIN
        return await generation_store.claim(connection, message_id=leaf.id, since=since)

    async def _open(
        self,
        connection: AsyncConnection,
        actor: Actor,
        conversation: Conversation,
        *,
        choice: ReplyChoice,
        place: _Place,
        claimed: bool,
    ) -> Opened:
        await self._check_limits(connection, actor.user_id)
        message = await self._message(connection, conversation, place, choice)
        generation = await generation_store.insert(
            connection,
            user_id=actor.user_id,
            conversation_id=conversation.id,
            prompt_id=place.branch[-1].id,
            message_id=message.id,
            choice=choice,
            owner=self._owner,
            claimed=claimed,
            now=self._clock.now(),
        )
        request = history.request(place.branch, choice, beginning=message.content, user_uid=actor.user_uid)
        writer = await self._events.open(connection, generation.uid, owner=self._owner)
        return Opened(generation, message, request, choice.key, writer)

    async def _check_limits(self, connection: AsyncConnection, user_id: int) -> None:
        await self._usage.check_tokens(connection, user_id)
        if await generation_store.count_running(connection, user_id) >= self._max_running:
            raise RateLimited(
                f"{self._max_running} replies are being made for you already. Wait until one of them has ended.",
                code="too_many_replies",
                retry_after_seconds=5,
            )

    async def _message(
        self, connection: AsyncConnection, conversation: Conversation, place: _Place, choice: ReplyChoice
    ) -> Message:
        """The message that the reply fills, marked as being written, and shown."""
        meta = {"provider": choice.provider_id, "model": choice.model}
        now = self._clock.now()
        message = place.message
        if message is None:
            message = await message_store.insert(
                connection,
                conversation,
                parent_id=place.branch[-1].id,
                role=MessageRole.ASSISTANT,
                content="",
                now=now,
                status=MessageStatus.STREAMING,
                provider_meta=meta,
            )
        else:
            await message_store.begin(connection, message.id, provider_meta=meta)
        await store.show(connection, conversation.id, leaf_id=message.id, now=now)
        return message


def _place(branch: Sequence[Message]) -> _Place:
    """Where the reply to a branch on which nothing runs goes. Errors: Invalid (no_user_message)."""
    place = _Place(branch, None)
    if branch and branch[-1].role is MessageRole.ASSISTANT:
        leaf = branch[-1]
        # `streaming` though nothing runs cannot be; if it ever is, going on with it heals it.
        goes_on = leaf.status in {MessageStatus.INTERRUPTED, MessageStatus.STREAMING}
        place = _Place(branch[:-1], leaf if goes_on else None)
    if not any(message.role is MessageRole.USER for message in place.branch):
        raise _no_user_message()
    return place


def _no_user_message() -> Invalid:
    return Invalid("There is no message to reply to. Write one first.", code="no_user_message")
