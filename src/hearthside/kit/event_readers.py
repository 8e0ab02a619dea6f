"""The readers of this process: each has a bounded buffer that committed events are pushed into.

A reader whose buffer is full, or who was told of news without the events themselves, is *behind*: its buffer is
emptied, pushes pass it by, and it reads from the database until it has caught up. So its memory stays flat however
slow it is.
"""

import asyncio
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager

from hearthside.kit.event_store import LoggedEvent

MAX_BUFFERED_EVENTS = 256


class Subscription:
    """One reader's buffer."""

    def __init__(self) -> None:
        self.is_behind = False
        self.has_ended = False
        self._events: list[LoggedEvent] = []
        self._news = asyncio.Event()

    def push(self, events: Sequence[LoggedEvent]) -> None:
        if len(self._events) + len(events) > MAX_BUFFERED_EVENTS:
            self.fall_behind()
        elif not self.is_behind:
            self._events.extend(events)
            self._news.set()

    def fall_behind(self) -> None:
        self._events = []
        self.is_behind = True
        self._news.set()

    def end(self) -> None:
        """Nothing will be pushed any more."""
        self.has_ended = True
        self._news.set()

    def start_over(self) -> None:
        """Forgets the buffer and takes pushes again: to be called before the database is read, never after."""
        self._events = []
        self.is_behind = False

    async def take(self, *, wait_seconds: float | None) -> Sequence[LoggedEvent]:
        """What was pushed, waiting for it; nothing when it has ended or is behind. A wait this long makes it so."""
        if not self._events and not self.has_ended and not self.is_behind:
            self._news.clear()
            await self._wait(wait_seconds)
        taken, self._events = self._events, []
        return taken

    async def _wait(self, seconds: float | None) -> None:
        if seconds is None:
            await self._news.wait()
            return
        try:
            async with asyncio.timeout(seconds):
                await self._news.wait()
        except TimeoutError:
            self.fall_behind()


class Readers:
    """The subscriptions of this process, by stream."""

    def __init__(self) -> None:
        self._subscriptions: dict[str, set[Subscription]] = {}

    @contextmanager
    def subscribed(self, stream_id: str) -> Generator[Subscription]:
        subscription = Subscription()
        self._subscriptions.setdefault(stream_id, set()).add(subscription)
        try:
            yield subscription
        finally:
            left = self._subscriptions.get(stream_id, set())
            left.discard(subscription)
            if not left:
                self._subscriptions.pop(stream_id, None)

    def of(self, stream_id: str) -> Iterable[Subscription]:
        return tuple(self._subscriptions.get(stream_id, ()))

    def all(self) -> Iterable[Subscription]:
        return tuple(subscription for group in self._subscriptions.values() for subscription in group)
