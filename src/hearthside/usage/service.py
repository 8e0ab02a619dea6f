"""Counting what users use, and saying no when a day's quota is spent. Days are UTC days."""

from datetime import UTC, date, datetime, time, timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from hearthside.kit.actor import Actor
from hearthside.kit.clock import Clock
from hearthside.kit.db import Database
from hearthside.kit.errors import QuotaExceeded
from hearthside.usage import store
from hearthside.usage.model import DayUsage, Quotas


class Usage:
    """Counts in the caller's transaction: what is counted and the count of it are kept or lost together."""

    def __init__(self, database: Database, clock: Clock, quotas: Quotas) -> None:
        self._database = database
        self._clock = clock
        self._quotas = quotas

    async def check(self, user_id: int) -> None:
        """Errors: QuotaExceeded, where nothing more may be begun today."""
        async with self._database.read() as connection:
            usage = await store.get(connection, user_id, day=self._today())
        self._refuse_tokens(usage)
        if 0 < self._quotas.daily_messages <= usage.messages:
            raise self._exceeded("messages", self._quotas.daily_messages)

    async def check_tokens(self, connection: AsyncConnection, user_id: int) -> None:
        """Errors: QuotaExceeded, where the day's tokens are spent. Messages are not looked at: they count when sent."""
        self._refuse_tokens(await store.get(connection, user_id, day=self._today()))

    async def count_message(self, connection: AsyncConnection, user_id: int) -> None:
        """One message sent. Errors: QuotaExceeded; the caller's transaction is to be rolled back then."""
        usage = await store.add(connection, DayUsage(user_id, self._today(), messages=1))
        if 0 < self._quotas.daily_messages < usage.messages:
            raise self._exceeded("messages", self._quotas.daily_messages)

    async def count_reply(
        self, connection: AsyncConnection, user_id: int, *, input_tokens: int, output_tokens: int
    ) -> None:
        """One generation made, or broken off. Never refuses: it has happened."""
        usage = DayUsage(user_id, self._today(), requests=1, input_tokens=input_tokens, output_tokens=output_tokens)
        await store.add(connection, usage)

    async def erase(self, connection: AsyncConnection, user_id: int) -> None:
        """Forgets what a user used, in the caller's transaction."""
        await store.delete(connection, user_id)

    async def today(self, actor: Actor) -> DayUsage:
        async with self._database.read() as connection:
            return await store.get(connection, actor.user_id, day=self._today())

    async def totals(self, actor: Actor, *, first: date, last: date) -> list[DayUsage]:
        """Every user's days, both ends included, by day and user. Errors: Forbidden (admin_required)."""
        actor.require_admin()
        async with self._database.read() as connection:
            return await store.between(connection, first=first, last=last)

    def _today(self) -> date:
        return self._clock.now().date()

    def _refuse_tokens(self, usage: DayUsage) -> None:
        if 0 < self._quotas.daily_tokens <= usage.total_tokens:
            raise self._exceeded("tokens", self._quotas.daily_tokens)

    def _exceeded(self, what: str, limit: int) -> QuotaExceeded:
        midnight = datetime.combine(self._today() + timedelta(days=1), time.min, tzinfo=UTC)
        return QuotaExceeded(
            f"Today's {limit} {what} are used up. The count starts again at midnight UTC.",
            retry_after_seconds=max(1.0, (midnight - self._clock.now()).total_seconds()),
        )
