"""Usage: counted by user and UTC day, refused when a day's quota is spent."""

import asyncio
from datetime import UTC, date, datetime

import pytest

from hearthside.kit.actor import Actor, CredentialKind, Role, Scope
from hearthside.kit.clock import ManualClock
from hearthside.kit.db import Database
from hearthside.kit.errors import Forbidden, QuotaExceeded
from hearthside.usage.model import DayUsage, Quotas
from hearthside.usage.service import Usage

TODAY, TOMORROW = date(2026, 3, 1), date(2026, 3, 2)


def actor(user_id: int, *, role: Role = Role.USER) -> Actor:
    return Actor(user_id, f"user-{user_id}", role, CredentialKind.SESSION, 1, frozenset(Scope))


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(datetime(2026, 3, 1, 23, 59, 0, tzinfo=UTC))


def make(database: Database, clock: ManualClock, *, messages: int = 0, tokens: int = 0) -> Usage:
    return Usage(database, clock, Quotas(daily_messages=messages, daily_tokens=tokens))


async def send(database: Database, usage: Usage, user_id: int = 1) -> None:
    async with database.write() as connection:
        await usage.count_message(connection, user_id)


async def reply(database: Database, usage: Usage, user_id: int = 1, *, input_tokens: int, output_tokens: int) -> None:
    async with database.write() as connection:
        await usage.count_reply(connection, user_id, input_tokens=input_tokens, output_tokens=output_tokens)


async def test_a_day_adds_up_by_user(database: Database, clock: ManualClock) -> None:
    usage = make(database, clock)
    await send(database, usage)
    await reply(database, usage, input_tokens=10, output_tokens=5)
    await reply(database, usage, input_tokens=1, output_tokens=2)
    await send(database, usage, user_id=2)
    clock.advance(120)
    await send(database, usage)
    admin = actor(9, role=Role.ADMIN)
    assert await usage.totals(admin, first=TODAY, last=TOMORROW) == [
        DayUsage(1, TODAY, requests=2, messages=1, input_tokens=11, output_tokens=7),
        DayUsage(2, TODAY, messages=1),
        DayUsage(1, TOMORROW, messages=1),
    ]
    assert await usage.totals(admin, first=TOMORROW, last=TOMORROW) == [DayUsage(1, TOMORROW, messages=1)]
    assert await usage.today(actor(1)) == DayUsage(1, TOMORROW, messages=1)
    assert await usage.today(actor(3)) == DayUsage(3, TOMORROW)


async def test_totals_are_for_admins(database: Database, clock: ManualClock) -> None:
    with pytest.raises(Forbidden) as refused:
        await make(database, clock).totals(actor(1), first=TODAY, last=TODAY)
    assert refused.value.code == "admin_required"


async def test_messages_beyond_the_quota_are_refused_until_midnight_utc(database: Database, clock: ManualClock) -> None:
    usage = make(database, clock, messages=2)
    await send(database, usage)
    await usage.check(1)
    await send(database, usage)
    with pytest.raises(QuotaExceeded) as refused:
        await usage.check(1)
    assert refused.value.code == "quota_exceeded"
    assert refused.value.retry_after_seconds == 60
    with pytest.raises(QuotaExceeded):
        await send(database, usage)
    assert (await usage.today(actor(1))).messages == 2
    await send(database, usage, user_id=2)
    clock.advance(60)
    await send(database, usage)


async def test_messages_sent_at_once_are_counted_exactly(database: Database, clock: ManualClock) -> None:
    usage = make(database, clock, messages=5)
    results = await asyncio.gather(*(send(database, usage) for _ in range(12)), return_exceptions=True)
    assert sum(result is None for result in results) == 5
    assert sum(isinstance(result, QuotaExceeded) for result in results) == 7
    assert (await usage.today(actor(1))).messages == 5


async def test_tokens_beyond_the_quota_refuse_the_next_reply(database: Database, clock: ManualClock) -> None:
    usage = make(database, clock, tokens=100)
    await reply(database, usage, input_tokens=60, output_tokens=39)
    await usage.check(1)
    await reply(database, usage, input_tokens=500, output_tokens=500)
    with pytest.raises(QuotaExceeded):
        await usage.check(1)
    async with database.read() as connection:
        with pytest.raises(QuotaExceeded):
            await usage.check_tokens(connection, 1)
        await usage.check_tokens(connection, 2)


async def test_a_quota_of_nothing_is_no_quota(database: Database, clock: ManualClock) -> None:
    usage = make(database, clock)
    await send(database, usage)
    await reply(database, usage, input_tokens=10**9, output_tokens=10**9)
    await usage.check(1)
