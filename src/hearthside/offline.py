"""Parts of the core for the command line: opened without a server, beside a running one if need be."""

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager

from hearthside.accounts.assembly import People, assemble
from hearthside.accounts.passwords import Argon2Hasher
from hearthside.accounts.presence import Presence
from hearthside.accounts.service import Accounts
from hearthside.conversations.chat_keys import ChatKeys
from hearthside.core import open_database
from hearthside.kit.clock import SystemClock
from hearthside.kit.db import Database
from hearthside.kit.limits import RateLimiter
from hearthside.kit.outbound import Outbound
from hearthside.portability.assembly import assemble as assemble_portability
from hearthside.portability.commands import Desk
from hearthside.providers.assembly import master_keys, provider_keys
from hearthside.providers.renewal import KeyRenewal
from hearthside.providers.rotation import KeyRotation
from hearthside.settings import Settings


@asynccontextmanager
async def open_accounts(settings: Settings) -> AsyncGenerator[Accounts]:
    async with open_database(settings) as database, _open_people(settings, database) as people:
        yield people.accounts


@asynccontextmanager
async def open_portability(settings: Settings) -> AsyncGenerator[Desk]:
    """What takes accounts out and in."""
    async with open_database(settings) as database, _open_people(settings, database) as people:
        portability = assemble_portability(database, SystemClock(), people.profiles)
        yield Desk(portability, people.accounts.operator.actor)


@asynccontextmanager
async def open_rotation(settings: Settings) -> AsyncGenerator[KeyRotation]:
    """What changes the master key."""
    clock = SystemClock()
    async with open_database(settings) as database:
        keys = master_keys(settings)
        sealer = provider_keys(keys)
        renewals = [KeyRenewal(database, clock, sealer).run, ChatKeys(database, clock, sealer).renew]
        yield KeyRotation(database, keys, renewals)


@asynccontextmanager
async def _open_people(settings: Settings, database: Database) -> AsyncGenerator[People]:
    clock = SystemClock()
    async with AsyncExitStack() as stack:
        hasher, outbound = Argon2Hasher(), Outbound()
        stack.callback(hasher.close)
        stack.push_async_callback(outbound.close)
        yield assemble(
            settings,
            database,
            clock,
            keys=master_keys(settings).present(),
            hasher=hasher,
            limiter=RateLimiter(clock),
            presence=Presence(database, clock),
            outbound=outbound,
        )
