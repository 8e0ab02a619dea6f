"""Wake-ups between the processes of one installation: "look at stream x again", "cancel generation y".

A hint, never a fact: a wake-up may be lost or come twice, and the database is the truth. Whoever waits for one also
looks by itself from time to time. `send` never waits and never fails; a listener runs on the event loop and returns at
once. Every `send` reaches the listeners of the same process before it returns.

In one process there is nothing more to do (`LocalWakeups`). Between processes they travel by PostgreSQL's NOTIFY or by
Redis (`kit/remote_wakeups.py`).
"""

from collections.abc import Callable, Iterable
from enum import StrEnum
from typing import Protocol

Listener = Callable[[str], None]


class Topic(StrEnum):
    """What a wake-up is about. The key of STREAM is a stream's id, that of CANCEL a generation's uid."""

    STREAM = "stream"
    CANCEL = "cancel"


class Wakeups(Protocol):
    async def start(self) -> None: ...

    async def close(self) -> None: ...

    def listen(self, topic: Topic, listener: Listener) -> None:
        """Calls `listener` with the key of every wake-up on `topic`, those of this process included."""
        ...

    def send(self, topic: Topic, keys: Iterable[str]) -> None: ...


class LocalWakeups:
    """Wake-ups within one process."""

    def __init__(self) -> None:
        self._listeners: dict[Topic, list[Listener]] = {topic: [] for topic in Topic}

    async def start(self) -> None:
        return None

    async def close(self) -> None:
        return None

    def listen(self, topic: Topic, listener: Listener) -> None:
        self._listeners[topic].append(listener)

    def send(self, topic: Topic, keys: Iterable[str]) -> None:
        for key in keys:
            for listener in self._listeners[topic]:
                listener(key)
