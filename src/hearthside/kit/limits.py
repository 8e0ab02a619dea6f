"""How often something may be done: sliding one-minute windows, in this process or shared through Redis.

A window counts what was let through. The count of the minute before still weighs in with the share of it that lies
within the last sixty seconds, so that nobody gets twice the limit around the turn of a minute.

In-process windows are our own: those of `limits` look at every stored key at each hit (2.6 ms with 10,000 addresses).
"""

import ipaddress
import logging
from typing import Any, Protocol

from hearthside.kit.clock import Clock
from hearthside.kit.errors import RateLimited

WINDOW_SECONDS = 60
# Keys beyond this many in one window push out the oldest: memory stays bounded while an attacker changes addresses.
MAX_KEYS = 65_536
# A Redis that does not answer is left alone for so long; meanwhile each process counts for itself.
REDIS_REST_SECONDS = 5.0
REDIS_TIMEOUT_SECONDS = 1.0

logger = logging.getLogger(__name__)


class Windows(Protocol):
    """Where hits are counted."""

    async def take(self, key: str, limit: int) -> float:
        """Counts one hit and returns 0, or refuses it and returns the seconds after which another try makes sense."""
        ...

    async def close(self) -> None: ...


class RateLimiter:
    """Limits by name and key. `redis_url` None counts in this process alone."""

    def __init__(self, clock: Clock, *, redis_url: str | None = None) -> None:
        local = MemoryWindows(clock)
        self._windows: Windows = RedisWindows(redis_url, clock, fallback=local) if redis_url else local

    async def check(self, name: str, key: str, *, per_minute: int) -> None:
        """Counts one `name` (`sign-in`, `chat`) by `key` (an address, a user).

        Errors: RateLimited with retry_after_seconds; a refused try is not counted, so waiting always helps.
        """
        wait = await self._windows.take(f"{name}|{key}", per_minute)
        if wait > 0:
            raise RateLimited(
                f"Too many requests; at most {per_minute} a minute. Try again in {max(1, round(wait))} s.",
                retry_after_seconds=wait,
            )

    async def close(self) -> None:
        await self._windows.close()


class MemoryWindows:
    """Two dictionaries: this window's counts and the one's before. A hit costs two look-ups, whatever is stored."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._index = 0
        self._current: dict[str, int] = {}
        self._previous: dict[str, int] = {}

    def __len__(self) -> int:
        """How many keys this window holds."""
        return len(self._current)

    async def take(self, key: str, limit: int) -> float:
        elapsed = self._roll()
        before, count = self._previous.get(key, 0), self._current.get(key, 0)
        weight = 1 - elapsed / WINDOW_SECONDS
        if before * weight + count + 1 <= limit:
            self._count(key, count + 1)
            return 0
        return _wait(before, count, limit, elapsed=elapsed)

    async def close(self) -> None:
        self._current, self._previous = {}, {}

    def _roll(self) -> float:
        """Turns to the window of now; returns the seconds since it began."""
        index, elapsed = divmod(self._clock.monotonic(), WINDOW_SECONDS)
        if index != self._index:
            self._previous = self._current if index == self._index + 1 else {}
            self._current = {}
            self._index = int(index)
        return elapsed

    def _count(self, key: str, count: int) -> None:
        if count == 1 and len(self._current) >= MAX_KEYS:
            del self._current[next(iter(self._current))]
        self._current[key] = count


def _wait(before: int, count: int, limit: int, *, elapsed: float) -> float:
    """Seconds until one more hit fits: when the window before has faded enough, or else when this one has."""
    if count == 0 == before:
        return 1  # another process's hit was in the way a moment ago
    if count < limit:
        faded_at = WINDOW_SECONDS * (1 - (limit - 1 - count) / before)
        return max(faded_at - elapsed, 0.001)
    return WINDOW_SECONDS - elapsed + WINDOW_SECONDS * (1 - (limit - 1) / count)


class RedisWindows:
    """One count for all processes, kept by the `limits` library. Without an answer from Redis, `fallback` counts."""

    def __init__(self, url: str, clock: Clock, *, fallback: Windows) -> None:
        self._url = url
        self._clock = clock
        self._fallback = fallback
        self._resting_until = float("-inf")
        self._shared: _SharedWindows | None = None

    async def take(self, key: str, limit: int) -> float:
        if self._clock.monotonic() >= self._resting_until:
            self._shared = self._shared or _SharedWindows(self._url)
            try:
                return await self._shared.take(key, limit)
            except self._shared.failures:
                self._resting_until = self._clock.monotonic() + REDIS_REST_SECONDS
                logger.warning("Redis does not answer; rate limits count in this process alone for now")
        return await self._fallback.take(key, limit)

    async def close(self) -> None:
        if self._shared:
            await self._shared.close()


class _SharedWindows:
    def __init__(self, url: str) -> None:
        # Imported late: limits and redis take 0.3 s, and most servers run without Redis.
        from limits import RateLimitItemPerMinute  # noqa: PLC0415
        from limits.aio.storage import RedisStorage  # noqa: PLC0415
        from limits.aio.strategies import SlidingWindowCounterRateLimiter  # noqa: PLC0415
        from redis.asyncio import BlockingConnectionPool  # noqa: PLC0415
        from redis.asyncio.retry import Retry  # noqa: PLC0415
        from redis.backoff import NoBackoff  # noqa: PLC0415
        from redis.exceptions import RedisError  # noqa: PLC0415

        self.failures = (RedisError, OSError, TimeoutError)
        self._pool: Any = BlockingConnectionPool.from_url(  # generic, and nothing here says of what
            url,
            max_connections=16,
            timeout=REDIS_TIMEOUT_SECONDS,
            socket_timeout=REDIS_TIMEOUT_SECONDS,
            socket_connect_timeout=REDIS_TIMEOUT_SECONDS,
            retry=Retry(NoBackoff(), 0),
        )
        options: dict[str, Any] = {"connection_pool": self._pool}  # typed as plain values there; a pool is documented
        self._storage = RedisStorage(f"async+{url}", implementation="redispy", key_prefix="hearthside", **options)
        self._strategy = SlidingWindowCounterRateLimiter(self._storage)
        self._item = RateLimitItemPerMinute

    async def take(self, key: str, limit: int) -> float:
        item = self._item(limit)
        if await self._strategy.hit(item, key):
            return 0
        before, faded_in, count, expires_in = await self._storage.get_sliding_window(
            item.key_for(key), item.get_expiry()
        )
        # A count lives for two windows: one as this window's, one as that of the window before.
        elapsed = WINDOW_SECONDS - faded_in if before else 2 * WINDOW_SECONDS - expires_in
        return _wait(before, count, limit, elapsed=elapsed)

    async def close(self) -> None:
        await self._pool.disconnect()


def address_key(address: str) -> str:
    """What stands for an address in limits: itself, but of IPv6 the /64, all of which one customer usually holds."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((int(parsed) >> 64 << 64, 64)))
