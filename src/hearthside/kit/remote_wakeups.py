"""Wake-ups between processes: the two carriers behind `kit.wakeups.Wakeups`.

Both keep what is to be sent in an outbox that one task empties: all that came together goes out together (NOTIFY
serialises the commits of a whole PostgreSQL server: once per batch, never per token). When the connection breaks, the
task makes a new one; wake-ups sent meanwhile are kept up to a bound, then the oldest go, which costs a reader elsewhere
some seconds and nothing else.
"""

import asyncio
import importlib
import logging
from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa

from hearthside.kit.ids import new_uid
from hearthside.kit.wakeups import Listener, LocalWakeups, Topic, Wakeups

_log = logging.getLogger(__name__)

CHANNEL = "hearthside"
MAX_OUTBOX = 4096
# A NOTIFY payload is under 8000 bytes: 150 keys of 36 characters and the two names before them.
KEYS_PER_MESSAGE = 150
RETRY_SECONDS = 1.0


class _RemoteWakeups(ABC):
    """The outbox, the loop that connects again, the shape of a message: `<sender> <topic> <key>,<key>,…`."""

    def __init__(self) -> None:
        self._local = LocalWakeups()
        self._sender = new_uid()
        self._outbox: dict[tuple[Topic, str], None] = {}  # a set that keeps its order
        self._ready = asyncio.Event()
        self._connected = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @abstractmethod
    async def _carry(self) -> None:
        """Connects, then listens and empties the outbox until the connection breaks. Raises what broke it."""

    async def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="wakeups")

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def connected(self) -> None:
        """Returns once wake-ups of other processes arrive here."""
        await self._connected.wait()

    def listen(self, topic: Topic, listener: Listener) -> None:
        self._local.listen(topic, listener)

    def send(self, topic: Topic, keys: Iterable[str]) -> None:
        keys = tuple(keys)
        self._local.send(topic, keys)
        self._outbox.update(dict.fromkeys((topic, key) for key in keys))
        while len(self._outbox) > MAX_OUTBOX:
            del self._outbox[next(iter(self._outbox))]
        self._ready.set()

    async def _run(self) -> None:
        while True:
            try:
                await self._carry()
            except Exception as error:  # noqa: BLE001 - whatever broke the carrier, the answer is another connection
                _log.warning("wake-ups between processes are interrupted", extra={"reason": type(error).__name__})
            self._connected.clear()
            await asyncio.sleep(RETRY_SECONDS)

    async def _messages(self) -> list[str]:
        """Waits until there is something to send and takes all of it."""
        await self._ready.wait()
        self._ready.clear()
        taken, self._outbox = self._outbox, {}
        keys: dict[Topic, list[str]] = {}
        for topic, key in taken:
            keys.setdefault(topic, []).append(key)
        return [
            f"{self._sender} {topic} {','.join(group[start : start + KEYS_PER_MESSAGE])}"
            for topic, group in keys.items()
            for start in range(0, len(group), KEYS_PER_MESSAGE)
        ]

    def _received(self, message: str) -> None:
        sender, _, rest = message.partition(" ")
        topic, _, keys = rest.partition(" ")
        if sender != self._sender and topic in set(Topic):
            self._local.send(Topic(topic), keys.split(","))


class PostgresWakeups(_RemoteWakeups):
    """LISTEN and NOTIFY on a connection of their own."""

    def __init__(self, url: sa.URL) -> None:
        super().__init__()
        self._url = url

    async def _carry(self) -> None:
        asyncpg: Any = importlib.import_module("asyncpg")  # only a server on PostgreSQL loads it
        _, options = self._url.get_dialect()().create_connect_args(self._url)
        for name in ("prepared_statement_cache_size", "prepared_statement_name_func", "async_fallback"):
            options.pop(name, None)  # SQLAlchemy's own, unknown to asyncpg
        connection: Any = await asyncpg.connect(**options, timeout=5)
        try:
            connection.add_termination_listener(self._on_end)
            await connection.add_listener(CHANNEL, self._on_notify)
            self._connected.set()
            while not connection.is_closed():
                for message in await self._messages():
                    await connection.execute("SELECT pg_notify($1, $2)", CHANNEL, message, timeout=5)
        finally:
            connection.terminate()

    def _on_notify(self, _connection: object, _pid: int, _channel: str, payload: object) -> None:
        self._received(str(payload))

    def _on_end(self, _connection: object) -> None:
        self._ready.set()  # so that the loop above sees it


class RedisWakeups(_RemoteWakeups):
    """Publish and subscribe on Redis or Valkey."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self._url = url

    async def _carry(self) -> None:
        redis: Any = importlib.import_module("redis.asyncio")  # only a server with Redis loads it
        client: Any = redis.Redis.from_url(self._url, decode_responses=True, socket_connect_timeout=5)
        async with client, client.pubsub() as subscription, asyncio.TaskGroup() as group:
            await subscription.subscribe(CHANNEL)
            group.create_task(self._receive(subscription))
            while True:
                for message in await self._messages():
                    await client.publish(CHANNEL, message)

    async def _receive(self, subscription: Any) -> None:
        async for message in subscription.listen():
            if message["type"] == "subscribe":
                self._connected.set()
            elif message["type"] == "message":
                self._received(message["data"])


def open_wakeups(database_url: sa.URL, *, redis_url: str | None) -> Wakeups:
    """The wake-ups that fit the settings: Redis where there is one, else PostgreSQL's own, else none are needed."""
    if redis_url:
        return RedisWakeups(redis_url)
    return PostgresWakeups(database_url) if database_url.get_backend_name() == "postgresql" else LocalWakeups()
