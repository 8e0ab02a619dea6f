"""The purge: the task that erases accounts whose grace is over, from everywhere.

It looks at every start and once an hour. An account is erased in many small transactions, each of which only removes:
killed at any moment, it goes on from there the next time. There is no way back from its first one. What is left at the
end is a row that says nothing; it goes when the database has also rid itself of the bytes of what was deleted
(`Database.scrub`), for until then it is the note that this is still to be done.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

from sqlalchemy.ext.asyncio import AsyncConnection

from hearthside.accounts import audit_store, deletion_store
from hearthside.accounts.model import NOWHERE, Action, UserStatus
from hearthside.kit.clock import Clock
from hearthside.kit.db import Database
from hearthside.kit.errors import HearthsideError

EVERY_SECONDS = 3600

logger = logging.getLogger(__name__)

Erase = Callable[[AsyncConnection, int], Awaitable[bool | None]]
"""Removes what a slice keeps of the user with this id. True: there may be more; it is called again, in a new
transaction. Doing it once more than needed does no harm. It is not called while the user can still come back."""

Compact = Callable[[AsyncConnection], Awaitable[bool]]
"""Frees an index of a slice from what it still holds of rows that are deleted, part by part, as above."""

Forget = Callable[[str], Awaitable[None]]
"""Removes the user with this uid from somewhere outside the database. Doing it twice does no harm."""


class _BusyElsewhere(Exception):
    """Another process is erasing this account, or has just done so."""


class Purge:
    def __init__(
        self,
        database: Database,
        clock: Clock,
        *,
        erasers: Sequence[Erase] = (),
        compactors: Sequence[Compact] = (),
        forgetters: Sequence[Forget] = (),
    ) -> None:
        self._database = database
        self._clock = clock
        self._erasers = erasers
        self._compactors = compactors
        self._forgetters = forgetters
        self._task: asyncio.Task[None] | None = None
        self._running = asyncio.Lock()

    async def start(self) -> None:
        self._task = asyncio.create_task(self._run_for_ever(), name="purge")

    async def close(self) -> None:
        """Stops where it is; the next start goes on from there."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    async def run(self) -> int:
        """Erases every account that is due; how many are gone now.

        One that cannot be erased waits for the next run, and one that another process is at is left to it.
        """
        async with self._running:
            return await self._run()

    async def _run(self) -> int:
        async with self._database.write() as connection:
            await deletion_store.claim_due(connection, now=self._clock.now())
        async with self._database.read() as connection:
            erasing = await deletion_store.in_state(connection, UserStatus.ERASING)
        for user_id, uid in erasing:
            try:
                await self._erase(user_id, uid)
            except _BusyElsewhere:
                logger.info("another process erases this account", extra={"user": user_id})
            except HearthsideError as error:
                logger.warning("an account was not erased yet", extra={"user": user_id, "reason": error.code})
        return await self._finish()

    async def _erase(self, user_id: int, uid: str) -> None:
        for eraser in self._erasers:
            while await self._step(eraser, user_id):
                pass
        for forget in self._forgetters:
            await forget(uid)
        async with self._turn(user_id) as connection:
            await deletion_store.erase(connection, user_id, uid)

    async def _step(self, eraser: Erase, user_id: int) -> bool:
        async with self._turn(user_id) as connection:
            return await eraser(connection, user_id) or False

    @asynccontextmanager
    async def _turn(self, user_id: int) -> AsyncGenerator[AsyncConnection]:
        """A transaction in which nobody else erases this user. Whoever does not get it must not go on: the account may
        be emptied only by somebody who has seen every part of it done. Errors: _BusyElsewhere.
        """
        async with self._database.write() as connection:
            if not await deletion_store.lock_erasing(connection, user_id):
                raise _BusyElsewhere
            yield connection

    async def _finish(self) -> int:
        async with self._database.read() as connection:
            erased = [user_id for user_id, _ in await deletion_store.in_state(connection, UserStatus.ERASED)]
        if not erased:
            return 0
        for compact in self._compactors:
            while await self._compact_some(compact):
                pass
        await self._database.scrub()
        async with self._database.write() as connection:
            now = self._clock.now()
            for user_id in await deletion_store.remove_erased(connection, erased):
                await audit_store.record(
                    connection, Action.ACCOUNT_ERASED, at=now, by=None, origin=NOWHERE, target=str(user_id)
                )
        logger.info("accounts were erased", extra={"count": len(erased)})
        return len(erased)

    async def _compact_some(self, compact: Compact) -> bool:
        async with self._database.write() as connection:
            return await compact(connection)

    async def _run_for_ever(self) -> None:
        while True:
            try:
                await self.run()
            except HearthsideError as error:
                logger.warning("the purge did not get through", extra={"reason": error.code})
            except Exception:
                logger.exception("the purge failed")  # and is tried again: what is due must go in the end
            await asyncio.sleep(EVERY_SECONDS)
