"""The composition root: the only place that constructs. Floor by floor: kit, slices, doors, the process around them.

`create_app` is the whole product as an ASGI application, whose lifespan opens and closes everything; `serve` runs it.
"""

import fcntl
import logging
import os
from collections.abc import AsyncGenerator, Generator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path

from fastapi import FastAPI

from hearthside import __version__, builtin, server
from hearthside.accounts.access_tokens import AccessTokens
from hearthside.accounts.cache import ActorCache
from hearthside.accounts.passwords import Argon2Hasher
from hearthside.accounts.policy import AccountPolicy
from hearthside.accounts.presence import Presence
from hearthside.accounts.resolver import Resolver
from hearthside.accounts.service import Accounts
from hearthside.accounts.session_secrets import SessionSecrets
from hearthside.conversations.generations import GenerationPolicy, Generations
from hearthside.conversations.service import Conversations
from hearthside.dialects import conversations as conversations_dialect
from hearthside.dialects import front
from hearthside.dialects.edge import Edge, EdgePolicy
from hearthside.dialects.errors import error_table
from hearthside.dialects.services import Services
from hearthside.engines.library import LocalLibrary
from hearthside.engines.policy import policy_from
from hearthside.engines.process import ProcessLauncher
from hearthside.engines.service import LocalEngine
from hearthside.gateway.providers.anthropic import AnthropicProvider
from hearthside.gateway.providers.gemini import GeminiProvider
from hearthside.gateway.providers.local import LocalProvider
from hearthside.gateway.providers.ollama import OllamaProvider
from hearthside.gateway.providers.openai_chat import OpenAIChatProvider
from hearthside.gateway.service import Gateway
from hearthside.gateway.upstream import Upstream
from hearthside.kit import telemetry
from hearthside.kit.clock import Clock, SystemClock
from hearthside.kit.db import Database, database_url
from hearthside.kit.errors import HearthsideError
from hearthside.kit.events import EventLog
from hearthside.kit.keys import MasterKey
from hearthside.kit.limits import RateLimiter
from hearthside.kit.outbound import Outbound
from hearthside.kit.remote_wakeups import open_wakeups
from hearthside.migrations import SchemaTooNewError, migrate
from hearthside.models.catalogue import Catalogue
from hearthside.providers.discovery import Discovery
from hearthside.providers.environment import discoverable_endpoints, server_endpoints
from hearthside.providers.keys import ProviderKeys
from hearthside.providers.model import WireProtocol
from hearthside.providers.service import ProviderDirectory
from hearthside.settings import Settings, SignUp
from hearthside.usage.model import Quotas
from hearthside.usage.service import Usage

logger = logging.getLogger(__name__)


class DataFolderInUseError(Exception):
    """Another server works on this data folder."""


CannotStart = (OSError, ValueError, HearthsideError, DataFolderInUseError, SchemaTooNewError)
"""What the person who starts the server can mend: its message is for them."""


@contextmanager
def sole_owner(data_dir: Path) -> Generator[None]:
    """Holds the data folder for this process, for SQLite has one writing process. Errors: DataFolderInUseError."""
    with (data_dir / "server.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DataFolderInUseError(
                "another Hearthside already serves this data folder. Stop it, or give this one a folder of its own "
                "(HEARTHSIDE_DATA_DIR)."
            ) from None
        yield


@asynccontextmanager
async def open_database(settings: Settings) -> AsyncGenerator[Database]:
    """The database at this release's schema; the data folder is made where there is none."""
    settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    database = Database(database_url(settings.database_url, settings.data_dir))
    try:
        await migrate(database)
        yield database
    finally:
        await database.close()


class Core:
    """Everything below the doors, opened in order and closed in the reverse."""

    def __init__(self, settings: Settings, stack: AsyncExitStack) -> None:
        self._settings = settings
        self._stack = stack
        self._clock: Clock = SystemClock()
        self._is_draining = False

    async def open(self) -> Services:
        settings, stack = self._settings, self._stack
        self.database = await stack.enter_async_context(open_database(settings))
        if self.database.is_sqlite:
            stack.enter_context(sole_owner(settings.data_dir))
        self._keys = MasterKey.load(settings.master_key, settings.data_dir)
        limiter = RateLimiter(self._clock, redis_url=settings.redis_url)
        stack.push_async_callback(limiter.close)
        accounts, resolver = await self._open_accounts(limiter)
        directory, gateway = await self._open_gateway()
        catalogue = Catalogue(directory, gateway, self._clock, default=settings.default_model)
        stack.push_async_callback(catalogue.close)
        conversations, self._generations, usage = await self._open_conversations(gateway)
        return Services(
            settings=settings,
            clock=self._clock,
            accounts=accounts,
            resolver=resolver,
            conversations=conversations,
            generations=self._generations,
            catalogue=catalogue,
            directory=directory,
            usage=usage,
            limiter=limiter,
            readiness=self.missing,
            started_at=self._clock.monotonic(),
        )

    async def _open_accounts(self, limiter: RateLimiter) -> tuple[Accounts, Resolver]:
        presence = Presence(self.database, self._clock)
        await presence.start()
        self._stack.push_async_callback(presence.close)
        return build_accounts(self._settings, self.database, self._clock, self._keys, limiter, presence, self._stack)

    async def _open_gateway(self) -> tuple[ProviderDirectory, Gateway]:
        settings, stack = self._settings, self._stack
        candidates = discoverable_endpoints(
            os.environ, ollama_url=settings.ollama_url, lmstudio_url=settings.lmstudio_url
        )
        discovery = Discovery(candidates)
        await discovery.start()
        stack.push_async_callback(discovery.close)
        directory = ProviderDirectory(
            self.database,
            self._clock,
            ProviderKeys(self._keys.derive("provider-keys")),
            server=server_endpoints(os.environ, settings.providers),
            local_servers=discovery,
        )
        policy = policy_from(settings)
        launcher = ProcessLauncher(settings.data_dir / "run", load_seconds=policy.load_seconds)
        engine = LocalEngine(LocalLibrary(settings.models_folder, builtin.ember()), launcher, self._clock, policy)
        await engine.start()
        stack.push_async_callback(engine.close)
        outbound = Outbound()
        stack.push_async_callback(outbound.close)
        upstream = Upstream(outbound, self._clock)
        providers = {
            WireProtocol.OPENAI: OpenAIChatProvider(upstream),
            WireProtocol.ANTHROPIC: AnthropicProvider(upstream),
            WireProtocol.GEMINI: GeminiProvider(upstream),
            WireProtocol.OLLAMA: OllamaProvider(upstream),
            WireProtocol.LOCAL: LocalProvider(engine, upstream),
        }
        return directory, Gateway(providers, directory, self._clock)

    async def _open_conversations(self, gateway: Gateway) -> tuple[Conversations, Generations, Usage]:
        settings, stack = self._settings, self._stack
        wakeups = open_wakeups(self.database.url, redis_url=settings.redis_url)
        await wakeups.start()
        stack.push_async_callback(wakeups.close)
        events = EventLog(self.database, wakeups, self._clock)
        await events.start()
        stack.push_async_callback(events.close)
        quotas = Quotas(daily_messages=settings.daily_messages_per_user, daily_tokens=settings.daily_tokens_per_user)
        usage = Usage(self.database, self._clock, quotas)
        generations = Generations(
            self.database,
            self._clock,
            events,
            wakeups,
            gateway,
            usage,
            GenerationPolicy(max_running_per_user=settings.max_streams_per_user),
        )
        await generations.start()
        stack.push_async_callback(generations.close, 0)
        return Conversations(self.database, self._clock, events, wakeups, usage), generations, usage

    async def drain(self) -> None:
        """Takes no new replies, and lets the running ones finish or keeps what there is of them."""
        self._is_draining = True
        await self._generations.close(self._settings.drain_seconds)

    async def missing(self) -> Sequence[str]:
        """What stands in the way of taking on work."""
        try:
            async with self.database.read():
                pass
        except HearthsideError:
            return ["database"]
        return ["shutting_down"] if self._is_draining else []


def build_accounts(
    settings: Settings,
    database: Database,
    clock: Clock,
    keys: MasterKey,
    limiter: RateLimiter,
    presence: Presence,
    stack: AsyncExitStack,
) -> tuple[Accounts, Resolver]:
    cache = ActorCache(clock)
    signer = AccessTokens(keys, clock)
    secrets = SessionSecrets(keys)
    policy = AccountPolicy.from_settings(settings)
    hasher = Argon2Hasher()
    stack.callback(hasher.close)
    accounts = Accounts(
        database, clock, hasher=hasher, signer=signer, secrets=secrets, policy=policy, limiter=limiter, cache=cache
    )
    resolver = Resolver(database, clock, signer=signer, secrets=secrets, policy=policy, cache=cache, presence=presence)
    return accounts, resolver


@asynccontextmanager
async def open_accounts(settings: Settings) -> AsyncGenerator[Accounts]:
    """The accounts alone, for the command line: works beside a running server."""
    clock = SystemClock()
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(open_database(settings))
        keys = MasterKey.load(settings.master_key, settings.data_dir)
        presence = Presence(database, clock)
        accounts, _ = build_accounts(settings, database, clock, keys, RateLimiter(clock), presence, stack)
        yield accounts


def create_app(settings: Settings) -> FastAPI:
    """The whole product. `app.state.services` and `app.state.core` are there while its lifespan runs."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncGenerator[None]:
        async with AsyncExitStack() as stack:
            app.state.core = Core(settings, stack)
            app.state.services = await app.state.core.open()
            await announce(settings, app.state.services.accounts)
            yield

    app = FastAPI(
        title="Hearthside",
        version=__version__,
        lifespan=lifespan,
        docs_url=None,  # FastAPI's pages load their scripts from elsewhere
        redoc_url=None,
    )
    conversations_dialect.install(app)
    front.install(app)
    app.add_middleware(Edge, policy=EdgePolicy.from_settings(settings), errors=error_table(app), clock=SystemClock())
    return app


async def announce(settings: Settings, accounts: Accounts) -> None:
    """Tells the person who started the server what they need to know."""
    token = await accounts.prepare_bootstrap()
    if token is not None:
        print(f"First start. This token makes the first admin, once:\n\n    {token}\n", flush=True)  # noqa: T201 - shown on purpose, not logged
    if settings.effective_sign_up is SignUp.OPEN and not settings.listens_on_loopback_only:
        logger.warning("sign-up is open to everyone who can reach this server; HEARTHSIDE_SIGN_UP=invite closes it")


async def serve(settings: Settings) -> None:
    """Serves until SIGTERM or SIGINT. Errors: those of `CannotStart`."""
    telemetry.configure(settings.log_format, settings.log_level)
    app = create_app(settings)
    with server.listen(settings.host, settings.port) as listener:
        # The lifespan is entered here and not by uvicorn, which would put a failed start into the log as a traceback.
        async with app.router.lifespan_context(app):
            port = listener.getsockname()[1]
            host = "localhost" if settings.listens_on_loopback_only else settings.host
            logger.info("serving", extra={"host": f"http://{host}:{port}", "version": __version__})
            await server.build(app, app.state.core.drain).serve(sockets=[listener])


async def migrate_database(settings: Settings) -> str:
    """Brings the database to this release's schema; its version."""
    async with open_database(settings) as database:
        return await migrate(database)
