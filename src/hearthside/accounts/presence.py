"""When sessions and API tokens were last used: noted in memory, written once a minute in one transaction."""

import asyncio
import contextlib
import logging
from datetime import datetime

from hearthside.accounts import session_store, token_store
from hearthside.kit.actor import Actor, CredentialKind
from hearthside.kit.clock import Clock
from hearthside.kit.db import Database
from hearthside.kit.errors import HearthsideError

WRITE_SECONDS = 60

logger = logging.getLogger(__name__)


class Presence:
    """Owns the task that writes. A crash loses a minute of it, which idle expiry (hours) can bear."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._sessions: dict[int, datetime] = {}
        self._tokens: dict[int, datetime] = {}
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._task = asyncio.create_task(self._write_for_ever(), name="presence")

    async def close(self) -> None:
        """Stops the task and writes what is left."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None
        await self.write()

    def note(self, actor: Actor) -> None:
        seen = self._tokens if actor.credential is CredentialKind.API_TOKEN else self._sessions
        seen[actor.credential_id] = self._clock.now()

    async def write(self) -> None:
        """Writes what was noted since the last time; what cannot be written now is kept for the next."""
        sessions, self._sessions = self._sessions, {}
        tokens, self._tokens = self._tokens, {}
        if not sessions and not tokens:
            return
        try:
            async with self._database.write(durable=False) as connection:
                if sessions:
                    await session_store.touch_sessions(connection, sessions)
                if tokens:
                    await token_store.touch_tokens(connection, tokens)
        except HearthsideError as error:
            logger.warning("last uses could not be written", extra={"error": error.code})
            self._sessions = sessions | self._sessions
            self._tokens = tokens | self._tokens

    async def _write_for_ever(self) -> None:
        while True:
            await asyncio.sleep(WRITE_SECONDS)
            await self.write()
