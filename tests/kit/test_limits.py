"""Rate limits, in one process and through Redis."""

import asyncio
import socket
from functools import partial
from urllib.parse import SplitResult, urlsplit

import pytest

from hearthside.kit.clock import ManualClock
from hearthside.kit.errors import RateLimited
from hearthside.kit.limits import MAX_KEYS, REDIS_REST_SECONDS, MemoryWindows, RateLimiter, address_key


async def refused(limiter: RateLimiter, key: str = "ada", *, per_minute: int = 10) -> float:
    """The wait that the limiter asks for."""
    with pytest.raises(RateLimited) as caught:
        await limiter.check("chat", key, per_minute=per_minute)
    assert caught.value.retry_after_seconds is not None
    return caught.value.retry_after_seconds


async def spend(limiter: RateLimiter, times: int, key: str = "ada", *, per_minute: int = 10) -> None:
    for _ in range(times):
        await limiter.check("chat", key, per_minute=per_minute)


async def test_so_many_a_minute_and_no_more() -> None:
    limiter = RateLimiter(ManualClock())
    await spend(limiter, 10)
    assert 0 < await refused(limiter) <= 120


async def test_keys_and_names_count_apart() -> None:
    limiter = RateLimiter(ManualClock())
    await spend(limiter, 10)
    await spend(limiter, 10, "eve")
    await limiter.check("sign-in", "ada", per_minute=10)


@pytest.mark.parametrize("start", [0.0, 1.0, 29.5, 59.999])
@pytest.mark.parametrize("per_minute", [1, 2, 10, 60])
async def test_waiting_as_long_as_asked_is_enough_and_less_is_not(start: float, per_minute: int) -> None:
    clock = ManualClock()
    clock.advance(start)
    limiter = RateLimiter(clock)
    for _ in range(3):
        await spend(limiter, 1, per_minute=per_minute)
        while True:
            try:
                await limiter.check("chat", "ada", per_minute=per_minute)
            except RateLimited:
                break
        wait = await refused(limiter, per_minute=per_minute)
        clock.advance(wait - 0.1)
        await refused(limiter, per_minute=per_minute)
        clock.advance(0.1 + 1e-6)


async def test_nobody_gets_twice_the_limit_around_the_turn_of_a_minute() -> None:
    clock = ManualClock()
    limiter = RateLimiter(clock)
    clock.advance(59)
    await spend(limiter, 10)
    clock.advance(2)
    await refused(limiter)


async def test_refused_tries_do_not_prolong_the_wait() -> None:
    clock = ManualClock()
    limiter = RateLimiter(clock)
    await spend(limiter, 10)
    waits = [await refused(limiter) for _ in range(50)]
    assert set(waits) == {waits[0]}


async def test_two_quiet_minutes_forget_everything() -> None:
    clock = ManualClock()
    limiter = RateLimiter(clock)
    await spend(limiter, 10)
    clock.advance(120)
    await spend(limiter, 10)


async def test_memory_is_bounded_while_addresses_change() -> None:
    """A unit test: the bound shows nowhere else but in memory."""
    windows = MemoryWindows(ManualClock())
    for number in range(MAX_KEYS + 10):
        assert await windows.take(str(number), 1) == 0
    assert len(windows) == MAX_KEYS


@pytest.mark.redis
async def test_processes_share_what_redis_counts(redis_url: str) -> None:
    one, other = (RateLimiter(ManualClock(), redis_url=redis_url) for _ in range(2))
    await spend(one, 5)
    await spend(other, 5)
    for limiter in (one, other):
        assert 0 < await refused(limiter) <= 120
    await spend(other, 1, "eve")
    for limiter in (one, other):
        await limiter.close()


async def test_without_redis_each_process_counts_for_itself() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # bound but not listening: connections are refused
        limiter = RateLimiter(ManualClock(), redis_url=f"redis://127.0.0.1:{unused.getsockname()[1]}/0")
        await spend(limiter, 10)
        await refused(limiter)
        await limiter.close()


async def test_a_redis_that_hangs_is_left_alone_for_a_while() -> None:
    """It costs the first request a second, and the ones after it nothing."""
    connections = 0

    async def never_answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await reader.read()
        writer.close()

    async with await asyncio.start_server(never_answer, "127.0.0.1") as server:
        port = server.sockets[0].getsockname()[1]
        limiter = RateLimiter(ManualClock(), redis_url=f"redis://127.0.0.1:{port}/0")
        await spend(limiter, 10)
        await refused(limiter)
        assert connections == 1
        await limiter.close()


@pytest.mark.redis
async def test_a_redis_that_comes_back_is_used_again(redis_url: str) -> None:
    clock = ManualClock()
    there = urlsplit(redis_url)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
        limiter = RateLimiter(clock, redis_url=redis_url.replace(str(there.port), str(port)))
        await spend(limiter, 10)  # counted here
        async with await asyncio.start_server(partial(forward, there), sock=listener):
            await refused(limiter)
            clock.advance(REDIS_REST_SECONDS)
            await spend(limiter, 10)  # counted there
            other = RateLimiter(clock, redis_url=redis_url)
            await refused(other)
            await limiter.close()
            await other.close()


async def forward(there: SplitResult, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Between a client and the Redis that is there."""
    far_reader, far_writer = await asyncio.open_connection(there.hostname, there.port)
    await asyncio.gather(pump(reader, far_writer), pump(far_reader, writer))


async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    while data := await source.read(4096):
        sink.write(data)
    sink.close()


@pytest.mark.parametrize(
    ("address", "key"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("unix", "unix"),
        ("", ""),
    ],
)
def test_an_ipv6_customer_is_one_address(address: str, key: str) -> None:
    assert address_key(address) == key
