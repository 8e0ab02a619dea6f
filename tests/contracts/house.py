"""The whole house behind one door, for the contract tests: real services, a scripted provider, real sockets."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncConnection

from hearthside.accounts.access_tokens import AccessTokens
from hearthside.accounts.cache import ActorCache
from hearthside.accounts.deletion import Deletion
from hearthside.accounts.model import Origin
from hearthside.accounts.passwords import QuickHasher
from hearthside.accounts.policy import AccountPolicy
from hearthside.accounts.presence import Presence
from hearthside.accounts.profiles import Profiles
from hearthside.accounts.resolver import Credentials, Resolver
from hearthside.accounts.service import Accounts
from hearthside.accounts.session_secrets import SessionSecrets
from hearthside.app import install_doors
from hearthside.conversations.chat_keys import ChatKeys
from hearthside.conversations.chat_settings import ChatSettings, forget_model
from hearthside.conversations.generations import GenerationPolicy, Generations
from hearthside.conversations.service import Conversations
from hearthside.dialects.services import Services
from hearthside.gateway.key_check import KeyCheck
from hearthside.gateway.model import Capabilities, Finished, FinishReason, ModelInfo, TextDelta
from hearthside.gateway.providers.openrouter import OpenRouterAccount
from hearthside.gateway.providers.scripted import Gate, ScriptedProvider, Step, says
from hearthside.gateway.service import Gateway
from hearthside.gateway.upstream import Upstream
from hearthside.kit.actor import Role, Scope
from hearthside.kit.clock import SystemClock
from hearthside.kit.db import Database, metadata
from hearthside.kit.errors import Unavailable
from hearthside.kit.events import EventLog
from hearthside.kit.keys import MasterKey
from hearthside.kit.limits import RateLimiter
from hearthside.kit.outbound import Outbound
from hearthside.kit.wakeups import LocalWakeups
from hearthside.models.catalogue import Catalogue
from hearthside.models.defaults import SavedDefaults
from hearthside.models.saved import SavedModels
from hearthside.portability.assembly import assemble as assemble_portability
from hearthside.providers.keys import ProviderKeys
from hearthside.providers.model import Endpoint, WireProtocol
from hearthside.providers.service import ProviderDirectory
from hearthside.server import build, listen
from hearthside.settings import Settings, SignUp
from hearthside.usage.model import Quotas
from hearthside.usage.prices import BundledPrices
from hearthside.usage.service import Usage
from tests.contracts.client import Client

PASSWORD = "correct horse battery"
# Generous, so that only the tests of limits meet them.
GENEROUS = {
    "sign_in_attempts_per_minute": 1000,
    "requests_per_minute_per_address": 1000,
    "requests_per_minute_per_user": 1000,
}
HERE = Origin(address="127.0.0.1")
LM_STUDIO = Endpoint("lmstudio", "LM Studio", WireProtocol.OPENAI, "http://127.0.0.1:1234/v1", None, True)
LLAMA = ModelInfo("llama-3.2-3b-instruct", "Llama 3.2 3B", Capabilities(max_context_tokens=4096))


class FrailDatabase(Database):
    """The database of the test, which can be taken away and given back."""

    def __init__(self, database: Database) -> None:
        super().__init__(database.url)
        self.is_down = False

    @asynccontextmanager
    async def read(self) -> AsyncGenerator[AsyncConnection]:
        self._check()
        async with super().read() as connection:
            yield connection

    @asynccontextmanager
    async def write(self, *, durable: bool = True) -> AsyncGenerator[AsyncConnection]:
        self._check()
        async with super().write(durable=durable) as connection:
            yield connection

    def _check(self) -> None:
        if self.is_down:
            raise Unavailable("The database is away.", code="database_unavailable", retry_after_seconds=2)


class NoLocalServers:
    def candidates(self) -> Sequence[Endpoint]:
        return ()

    def running(self) -> Sequence[Endpoint]:
        return ()


@dataclass
class Script:
    """Lets a test choose what the provider says after the server is up."""

    provider: ScriptedProvider

    def __getattr__(self, name: str) -> Any:
        return getattr(self.provider, name)


@dataclass
class House:
    """A running server and what a test does around it."""

    url: str
    services: Services
    database: FrailDatabase
    script: Script
    missing: list[str]
    clients: list[Client] = field(default_factory=list)

    @property
    def provider(self) -> ScriptedProvider:
        return self.script.provider

    def client(self, headers: Mapping[str, str] | None = None) -> Client:
        """A stranger, until they sign in."""
        self.clients.append(Client(self.url, headers))
        return self.clients[-1]

    async def add_user(self, username: str, *, role: Role = Role.USER) -> None:
        await self.services.accounts.operator.create_user(username, email=None, password=PASSWORD, role=role)

    async def sign_in(self, username: str, headers: Mapping[str, str] | None = None) -> Client:
        client = self.client(headers)
        body = await client.done("POST", "/auth/login", {"username": username, "password": PASSWORD})
        client.csrf_token = body["csrf_token"]
        return client

    async def join(self, username: str, *, role: Role = Role.USER) -> Client:
        await self.add_user(username, role=role)
        return await self.sign_in(username)

    async def asked(self, client: Client, content: str = "Hello") -> int:
        """A new conversation with one user message; its id."""
        conversation: int = (await client.done("POST", "/conversations", {"title": "Asked"}))["id"]
        await client.done("POST", f"/conversations/{conversation}/messages", {"content": content})
        return conversation

    def holds_after(self, *deltas: str, then: Sequence[str] = ()) -> Gate:
        """The provider says `deltas`, waits for the gate that is returned, says the rest and ends."""
        gate = Gate()
        steps: list[Step] = [*map(TextDelta, deltas), gate, *map(TextDelta, then), Finished(FinishReason.STOP)]
        self.script.provider = ScriptedProvider(steps, models=[LLAMA])
        return gate

    async def api_token(self, username: str, *scopes: Scope) -> str:
        pair = await self.services.accounts.issue_tokens(username, PASSWORD, origin=HERE)
        actor = await self.services.resolver.resolve(Credentials(bearer=pair.access_token))
        secret, _ = await self.services.accounts.create_api_token(
            actor, name="test", scopes=frozenset(scopes), expires_in_days=None
        )
        return secret

    async def dump(self) -> dict[str, list[tuple[Any, ...]]]:
        """Every row of every table, but for the audit log, which grows by refusals too."""
        async with self.database.read() as connection:
            return {
                table.name: [
                    tuple(row) for row in await connection.execute(sa.select(table).order_by(*table.primary_key))
                ]
                for table in metadata.sorted_tables
                if table.name != "audit"
            }

    @asynccontextmanager
    async def database_down(self) -> AsyncGenerator[None]:
        self.database.is_down = True
        try:
            yield
        finally:
            self.database.is_down = False

    def stream_tasks(self) -> int:
        """How many tasks of the pump there are."""
        return sum(task.get_name().startswith("sse:") for task in asyncio.all_tasks())

    async def settled(self, condition: Callable[[], bool]) -> None:
        """Waits for what no event tells: a connection's end seen by the other side."""
        async with asyncio.timeout(10):
            while not condition():
                await asyncio.sleep(0.005)


@asynccontextmanager
async def open_house(database: Database, *script: Step, **changes: Any) -> AsyncGenerator[House]:
    settings = Settings(**({"sign_up": SignUp.OPEN} | GENEROUS | changes))
    steps = list(script) or says("Good ", "morning")
    fake = Script(ScriptedProvider(steps, models=[LLAMA]))
    async with AsyncExitStack() as stack:
        frail = FrailDatabase(database)
        stack.push_async_callback(frail.close)
        missing: list[str] = []
        services = await _compose(stack, frail, settings, fake, missing)
        url = await stack.enter_async_context(_serve(services, settings))
        house = House(url, services, frail, fake, missing)
        try:
            yield house
        finally:
            await asyncio.gather(*(client.close() for client in house.clients))


async def _compose(
    stack: AsyncExitStack, database: Database, settings: Settings, fake: Script, missing: list[str]
) -> Services:
    clock, keys = SystemClock(), MasterKey(bytes(32))
    limiter = RateLimiter(clock)
    signer, secrets = AccessTokens(keys, clock), SessionSecrets(keys)
    policy, cache, presence = AccountPolicy.from_settings(settings), ActorCache(clock), Presence(database, clock)
    accounts = Accounts(
        database,
        clock,
        hasher=QuickHasher(),
        signer=signer,
        secrets=secrets,
        policy=policy,
        limiter=limiter,
        cache=cache,
    )
    resolver = Resolver(database, clock, signer=signer, secrets=secrets, policy=policy, cache=cache, presence=presence)
    provider_keys = ProviderKeys(keys.derive("provider-keys"))
    directory = ProviderDirectory(database, clock, provider_keys, server=[LM_STUDIO], local_servers=NoLocalServers())
    gateway = Gateway({WireProtocol.OPENAI: fake}, directory, clock)
    wakeups = LocalWakeups()
    events = EventLog(database, wakeups, clock)
    quotas = Quotas(daily_messages=settings.daily_messages_per_user, daily_tokens=settings.daily_tokens_per_user)
    usage = Usage(database, clock, quotas)
    generations = Generations(
        database, clock, events, wakeups, gateway, usage, GenerationPolicy(settings.max_streams_per_user)
    )
    catalogue = Catalogue(
        directory, gateway, clock, default=None, defaults=SavedDefaults(database), prices=BundledPrices(clock)
    )
    saved_models = SavedModels(database, clock, directory, catalogue, on_delete=forget_model)
    chat_settings = ChatSettings(
        database,
        clock,
        keys=ChatKeys(database, clock, provider_keys),
        directory=directory,
        saved=saved_models,
        catalogue=catalogue,
        usage=usage,
    )

    async def readiness() -> Sequence[str]:
        return missing

    await events.start()
    stack.push_async_callback(events.close)
    await generations.start()
    stack.push_async_callback(generations.close, 0)
    stack.push_async_callback(catalogue.close)
    return Services(
        settings=settings,
        clock=clock,
        accounts=accounts,
        resolver=resolver,
        profiles=Profiles(database, clock),
        deletion=Deletion(database, clock, policy=policy, cache=cache, runners=[generations]),
        conversations=Conversations(database, clock, events, wakeups, usage),
        generations=generations,
        catalogue=catalogue,
        saved_models=saved_models,
        chat_settings=chat_settings,
        portability=assemble_portability(database, clock, Profiles(database, clock)),
        directory=directory,
        key_check=KeyCheck(gateway, directory, OpenRouterAccount(Upstream(Outbound(), clock))),
        usage=usage,
        limiter=limiter,
        readiness=readiness,
        started_at=clock.monotonic(),
    )


@asynccontextmanager
async def _serve(services: Services, settings: Settings) -> AsyncGenerator[str]:
    app = FastAPI(title="Hearthside", version="test")
    app.state.services = services
    install_doors(app, settings, services.clock)

    async def drain() -> None:
        await services.generations.close(0)

    server, listener = build(app, drain), listen("127.0.0.1", 0)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.started:
        await asyncio.sleep(0.001)
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        await serving
        listener.close()
