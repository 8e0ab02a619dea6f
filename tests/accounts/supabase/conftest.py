"""A server in Supabase mode, and the GoTrue that it speaks with."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from hearthside.accounts.assembly import People, assemble
from hearthside.accounts.model import TokenPair
from hearthside.accounts.passwords import QuickHasher
from hearthside.accounts.presence import Presence
from hearthside.accounts.resolver import Credentials
from hearthside.kit.actor import Actor
from hearthside.kit.clock import ManualClock
from hearthside.kit.db import Database
from hearthside.kit.keys import MasterKey
from hearthside.kit.limits import RateLimiter
from hearthside.kit.outbound import Outbound
from hearthside.settings import Settings
from tests.accounts.house import HOME, PASSWORD
from tests.accounts.supabase.gotrue import ANON_KEY, SECRET, SERVICE_KEY, FakeGoTrue, serving

EMAIL = "ada@example.org"


@dataclass
class Server:
    people: People
    gotrue: FakeGoTrue
    clock: ManualClock
    database: Database

    async def sign_up(self, email: str = EMAIL, **more: Any) -> TokenPair:
        signed_up = await self.people.accounts.sign_up_for_tokens(email=email, password=PASSWORD, origin=HOME, **more)
        assert signed_up.tokens is not None
        return signed_up.tokens

    async def sign_in(self, login: str = EMAIL, password: str = PASSWORD) -> TokenPair:
        return await self.people.accounts.issue_tokens(login, password, origin=HOME)

    async def actor(self, access_token: str) -> Actor:
        return await self.people.resolver.resolve(Credentials(bearer=access_token))


@asynccontextmanager
async def open_server(database: Database, fake: FakeGoTrue, **changes: Any) -> AsyncGenerator[Server]:
    assert isinstance(fake.clock, ManualClock)
    clock, outbound = fake.clock, Outbound()
    settings = Settings(
        **{
            "supabase_url": fake.url,
            "supabase_anon_key": ANON_KEY,
            "supabase_service_role_key": SERVICE_KEY,
            "supabase_jwt_secret": None if fake.key else SECRET,
            **changes,
        }
    )
    people = assemble(
        settings,
        database,
        clock,
        keys=MasterKey(bytes(32)),
        hasher=QuickHasher(),
        limiter=RateLimiter(clock),
        presence=Presence(database, clock),
        outbound=outbound,
    )
    try:
        yield Server(people, fake, clock, database)
    finally:
        await outbound.close()


@pytest.fixture
async def gotrue() -> AsyncGenerator[FakeGoTrue]:
    async with serving(FakeGoTrue(ManualClock())) as fake:
        yield fake


@pytest.fixture
async def server(database: Database, gotrue: FakeGoTrue) -> AsyncGenerator[Server]:
    async with open_server(database, gotrue) as server:
        yield server
