"""Workspaces: the folders that conversations are in. Everybody has a default one, which cannot be deleted."""

from typing import Final

from hearthside.conversations import generation_store, workspace_store
from hearthside.conversations.model import Workspace
from hearthside.conversations.text import storable
from hearthside.kit.actor import Actor, Scope
from hearthside.kit.clock import Clock
from hearthside.kit.db import Database
from hearthside.kit.errors import Conflict, FieldProblem, Invalid, NotFound
from hearthside.kit.events import EventLog
from hearthside.kit.wakeups import Topic, Wakeups

DEFAULT_WORKSPACE: Final = "My workspace"
MAX_NAME_CHARACTERS: Final = 200


class Workspaces:
    def __init__(self, database: Database, clock: Clock, events: EventLog, wakeups: Wakeups) -> None:
        self._database = database
        self._clock = clock
        self._events = events
        self._wakeups = wakeups

    async def create(self, actor: Actor, *, name: str) -> Workspace:
        """Errors: Invalid."""
        actor.require(Scope.WRITE)
        name = _name(name)
        async with self._database.write() as connection:
            return await workspace_store.insert(connection, actor.user_id, name=name, now=self._clock.now())

    async def list(self, actor: Actor) -> list[Workspace]:
        """Oldest first; the default one is made here if it is not there yet."""
        actor.require(Scope.READ)
        async with self._database.read() as connection:
            workspaces = await workspace_store.of_user(connection, actor.user_id)
        if workspaces:
            return workspaces
        async with self._database.write() as connection:
            now = self._clock.now()
            return [await workspace_store.ensure_default(connection, actor.user_id, name=DEFAULT_WORKSPACE, now=now)]

    async def get(self, actor: Actor, workspace_id: int) -> Workspace:
        """Errors: NotFound (workspace_not_found)."""
        actor.require(Scope.READ)
        async with self._database.read() as connection:
            workspace = await workspace_store.get(connection, actor.user_id, workspace_id)
        if workspace is None:
            raise workspace_not_found()
        return workspace

    async def rename(self, actor: Actor, workspace_id: int, *, name: str) -> Workspace:
        """Errors: NotFound (workspace_not_found), Invalid."""
        actor.require(Scope.WRITE)
        name, now = _name(name), self._clock.now()
        async with self._database.write() as connection:
            workspace = await workspace_store.rename(connection, actor.user_id, workspace_id, name=name, now=now)
        if workspace is None:
            raise workspace_not_found()
        return workspace

    async def delete(self, actor: Actor, workspace_id: int) -> None:
        """With all its conversations. Errors: NotFound (workspace_not_found), Conflict (default_workspace)."""
        actor.require(Scope.WRITE)
        async with self._database.write() as connection:
            if await workspace_store.get(connection, actor.user_id, workspace_id) is None:
                raise workspace_not_found()
            uids = await generation_store.uids(connection, actor.user_id, workspace_id=workspace_id)
            await self._events.discard(connection, list(uids))
            if not await workspace_store.delete(connection, actor.user_id, workspace_id):
                raise Conflict("The default workspace cannot be deleted.", code="default_workspace")
        self._events.discarded(list(uids))
        self._wakeups.send(Topic.CANCEL, [uid for uid, is_running in uids.items() if is_running])


def workspace_not_found() -> NotFound:
    return NotFound("There is no such workspace.", code="workspace_not_found")


def _name(text: str) -> str:
    name = storable(text).strip()
    if not 1 <= len(name) <= MAX_NAME_CHARACTERS:
        problem = FieldProblem("name", f"1 to {MAX_NAME_CHARACTERS} characters are needed")
        raise Invalid("The name is empty or too long.", fields=[problem])
    return name
