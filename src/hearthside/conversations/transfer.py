"""Whole conversations out of an account, and into one: what export and import stand on.

What comes in gets a uid that is derived from the account and from where it came from (`origin` and its key there). So
the same thing that comes again is found again: nothing is doubled, and a conversation that has grown at its origin only
gets what is new. A thing that comes back to the account that it was made in is known by its own uid.
"""

from collections import Counter
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Mapping, Sequence
from types import MappingProxyType
from uuid import UUID, uuid5

from sqlalchemy.ext.asyncio import AsyncConnection

from hearthside.conversations import message_store, store, transfer_store, workspace_store
from hearthside.conversations.model import Conversation
from hearthside.conversations.transfer_model import ConversationCopy, MessageCopy, Taken, WorkspaceCopy
from hearthside.conversations.tree import branch
from hearthside.conversations.workspaces import DEFAULT_WORKSPACE
from hearthside.kit.actor import Actor, Scope
from hearthside.kit.clock import Clock
from hearthside.kit.db import Database
from hearthside.kit.errors import Conflict

# Few enough for a page of the longest messages to fit into memory many times over.
_PAGE = 100

_NO_WORKSPACES: Mapping[str, int] = MappingProxyType({})


class ConversationTransfer:
    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    # Out

    async def workspaces(self, actor: Actor) -> list[WorkspaceCopy]:
        """The actor's, in the order they were made."""
        actor.require(Scope.READ)
        async with self._database.read() as connection:
            return await transfer_store.workspaces(connection, actor.user_id)

    async def conversations(self, actor: Actor) -> AsyncIterator[tuple[int, ConversationCopy]]:
        """The actor's, with the ids that `messages` takes, in the order they were made.

        Those that are made while this is read are left out. No transaction stays open between two of them.
        """
        actor.require(Scope.READ)
        async with self._database.read() as connection:
            ids = await transfer_store.conversation_ids(connection, actor.user_id)
        for start in range(0, len(ids), _PAGE):
            async with self._database.read() as connection:
                page = await transfer_store.conversations(connection, actor.user_id, ids[start : start + _PAGE])
            for conversation in page:
                yield conversation

    async def messages(self, actor: Actor, conversation_id: int) -> AsyncIterator[Sequence[MessageCopy]]:
        """All messages of a conversation, page by page, parents before their children."""
        actor.require(Scope.READ)
        last = 0
        while True:
            async with self._database.read() as connection:
                page = await transfer_store.messages(
                    connection, actor.user_id, conversation_id, after_id=last, limit=_PAGE
                )
            if not page:
                return
            yield list(page.values())
            last = max(page)

    async def branch(self, actor: Actor, conversation_id: int) -> AsyncIterator[Sequence[tuple[MessageCopy, int]]]:
        """The messages of the branch that is shown, page by page, each with the number of those in its place in the
        tree, itself included."""
        actor.require(Scope.READ)
        async with self._database.read() as connection:
            conversation = await store.get(connection, actor.user_id, conversation_id)
            if conversation is None:
                return
            tree = await message_store.tree(connection, conversation_id)
        shown = branch(tree, conversation.leaf_id)
        siblings = Counter(tree.values())
        for start in range(0, len(shown), _PAGE):
            ids = shown[start : start + _PAGE]
            async with self._database.read() as connection:
                page = await transfer_store.some_messages(connection, actor.user_id, ids)
            yield [(copy, siblings[tree[id_]]) for id_, copy in page.items()]

    # In

    async def take_workspaces(self, actor: Actor, copies: Iterable[WorkspaceCopy], *, origin: str) -> dict[str, int]:
        """Makes those that are not here yet; the ids of all of them by their keys.

        The default one becomes the account's default one, whose name it gives where that holds nothing yet.
        """
        actor.require(Scope.WRITE)
        ids: dict[str, int] = {}
        async with self._database.write() as connection:
            for copy in copies:
                ids[copy.key] = await self._take_workspace(connection, actor, copy, origin)
        return ids

    async def _take_workspace(self, connection: AsyncConnection, actor: Actor, copy: WorkspaceCopy, origin: str) -> int:
        uid = _derived(actor.user_uid, "workspace", origin, copy.key)
        if copy.is_default:
            default = await self._default_workspace(connection, actor)
            await transfer_store.fill_default_workspace(connection, default, copy)
            return default
        known = await transfer_store.workspace_ids(connection, actor.user_id, (copy.key, uid))
        if not known:
            await transfer_store.insert_workspace(connection, actor.user_id, copy, uid=uid)
            known = await transfer_store.workspace_ids(connection, actor.user_id, (uid,))
        return next(iter(known.values()))

    async def _default_workspace(self, connection: AsyncConnection, actor: Actor) -> int:
        now = self._clock.now()
        workspace = await workspace_store.ensure_default(connection, actor.user_id, name=DEFAULT_WORKSPACE, now=now)
        return workspace.id

    async def take(
        self,
        actor: Actor,
        conversation: ConversationCopy,
        pages: AsyncIterable[Sequence[MessageCopy]],
        *,
        origin: str,
        workspaces: Mapping[str, int] = _NO_WORKSPACES,
    ) -> Taken:
        """Stores a conversation with its tree, or what is new in one that came before; all of it or nothing.

        `workspaces`: ids by key; a conversation whose workspace is not among them goes into the default one.
        A message whose parent has not come before it becomes a first message; one whose key came before is left out.
        """
        actor.require(Scope.WRITE)
        uid = _derived(actor.user_uid, "conversation", origin, conversation.key)
        async with self._database.write() as connection:
            target = await transfer_store.find(connection, actor.user_id, (conversation.key, uid))
            is_new = target is None
            if target is None:
                workspace_id = workspaces.get(conversation.workspace or "")
                workspace_id = workspace_id or await self._default_workspace(connection, actor)
                target = await self._make(connection, actor, conversation, uid=uid, workspace_id=workspace_id)
            tree = _TreeWriter(connection, target)
            await tree.open(is_new=is_new)
            async for page in pages:
                await tree.add(page)
            if is_new or tree.added:
                await self._finish(connection, target, conversation, tree, is_new=is_new)
        return Taken(is_new=is_new, messages=tree.added)

    async def _make(
        self, connection: AsyncConnection, actor: Actor, copy: ConversationCopy, *, uid: str, workspace_id: int
    ) -> Conversation:
        made = await transfer_store.insert_conversation(
            connection, actor.user_id, copy, uid=uid, workspace_id=workspace_id
        )
        if made is None:
            raise Conflict("The same conversation is being imported elsewhere just now.", code="import_running")
        return made

    async def _finish(
        self,
        connection: AsyncConnection,
        target: Conversation,
        copy: ConversationCopy,
        tree: "_TreeWriter",
        *,
        is_new: bool,
    ) -> None:
        # A branch that was gone on with here stays the one that is shown.
        is_untouched = target.leaf_id is None or target.leaf_id in tree.seen
        await transfer_store.finish(
            connection,
            target.id,
            leaf_id=tree.leaf(copy.leaf) if is_untouched else target.leaf_id,
            updated_at=copy.updated_at if is_new else max(copy.updated_at, target.updated_at),
        )


class _TreeWriter:
    """Writes pages of messages into one conversation. `seen`: the ids of all that came, stored before or not."""

    def __init__(self, connection: AsyncConnection, conversation: Conversation) -> None:
        self._connection = connection
        self._conversation = conversation
        self._namespace = UUID(conversation.uid)
        self._stored: dict[str, int] = {}
        self._ids: dict[str, int] = {}
        self._last: int | None = None
        self.seen: set[int] = set()
        self.added = 0

    async def open(self, *, is_new: bool) -> None:
        if not is_new:
            self._stored = await transfer_store.message_ids(self._connection, self._conversation.id)

    async def add(self, page: Sequence[MessageCopy]) -> None:
        fresh: dict[str, MessageCopy] = {}
        for copy in page:
            uid = str(uuid5(self._namespace, copy.key))
            known = self._stored.get(copy.key) or self._stored.get(uid)
            if known is not None:
                self._note(copy.key, known)
            elif copy.key not in self._ids:
                fresh.setdefault(uid, copy)
        if fresh:
            await self._insert(fresh)

    async def _insert(self, fresh: Mapping[str, MessageCopy]) -> None:
        ids = await transfer_store.reserve_message_ids(self._connection, len(fresh))
        rows: list[transfer_store.MessageRow] = []
        for id_, (uid, copy) in zip(ids, fresh.items(), strict=True):
            # A parent has come before, so its id is smaller: ids rise along every branch, and none leads in a circle.
            rows.append(transfer_store.MessageRow(id_, uid, self._ids.get(copy.parent or ""), copy))
            self._note(copy.key, id_)
        await transfer_store.insert_messages(self._connection, self._conversation, rows)
        self.added += len(rows)

    def _note(self, key: str, message_id: int) -> None:
        self._ids[key] = self._last = message_id
        self.seen.add(message_id)

    def leaf(self, key: str | None) -> int | None:
        """The id of the message `key`; where that did not come, of the last that did."""
        return self._ids.get(key or "", self._last)


def _derived(namespace: str, kind: str, origin: str, key: str) -> str:
    return str(uuid5(UUID(namespace), f"{kind}:{origin}:{key}"))
