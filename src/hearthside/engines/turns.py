"""Whose turn it is: a few requests at a time, the others in a bounded queue that serves the users in rotation."""

import asyncio
import math
from collections import deque
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from hearthside.engines.errors import busy
from hearthside.kit.clock import Clock

_SMOOTHING = 0.2
_MAX_RETRY_SECONDS = 30


class Turns:
    """At most `slots` turns at once.

    Users are served in rotation, each user's requests in order; so one user with a hundred requests costs another with
    one a single turn. A full queue, of all or of one user, is Unavailable `engine_busy` with an estimate of when to
    come back.
    """

    def __init__(self, clock: Clock, *, slots: int, limit: int, limit_per_user: int) -> None:
        self._clock = clock
        self._slots = slots
        self._free = slots
        self._limit = limit
        self._limit_per_user = limit_per_user
        # In the order of the rotation; a user without waiting requests has no entry.
        self._lines: dict[str, deque[asyncio.Future[None]]] = {}
        self._turn_seconds = 1.0

    @property
    def waiting(self) -> int:
        return sum(len(line) for line in self._lines.values())

    @asynccontextmanager
    async def turn(self, user: str) -> AsyncGenerator[None]:
        await self._take(user)
        began = self._clock.monotonic()
        try:
            yield
        finally:
            taken = self._clock.monotonic() - began
            self._turn_seconds += _SMOOTHING * (taken - self._turn_seconds)
            self._give()

    async def _take(self, user: str) -> None:
        if self._free and not self._lines:
            self._free -= 1
            return
        ticket = self._queued(user)
        try:
            await ticket
        except asyncio.CancelledError:
            if ticket.cancelled():
                self._remove(user, ticket)
            else:
                self._give()  # the turn came in the same moment: it is the next one's
            raise

    def _queued(self, user: str) -> asyncio.Future[None]:
        line = self._lines.get(user, ())
        if self.waiting >= self._limit or len(line) >= self._limit_per_user:
            raise busy(self._retry_after_seconds())
        ticket: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._lines.setdefault(user, deque()).append(ticket)
        return ticket

    def _give(self) -> None:
        if not self._lines:
            self._free += 1
            return
        user, line = next(iter(self._lines.items()))
        del self._lines[user]
        ticket = line.popleft()
        if line:
            self._lines[user] = line  # back in the rotation, behind the others
        if ticket.cancelled():
            self._give()  # whoever waited for it is on the way out, and will find it gone
        else:
            ticket.set_result(None)

    def _remove(self, user: str, ticket: asyncio.Future[None]) -> None:
        line = self._lines.get(user)
        if line is None or ticket not in line:
            return
        line.remove(ticket)
        if not line:
            del self._lines[user]

    def _retry_after_seconds(self) -> float:
        estimate = math.ceil(self.waiting / self._slots * self._turn_seconds)
        return min(max(estimate, 1), _MAX_RETRY_SECONDS)
