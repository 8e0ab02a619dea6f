"""Everything below the doors, constructed floor by floor, opened in order and closed in the reverse."""

import fcntl
import logging
import os
from collections.abc import AsyncGenerator, Generator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path

from hearthside import builtin
from hearthside.accounts.assembly import People, assemble
from hearthside.accounts.passwords import Argon2Hasher
from hearthside.accounts.presence import Presence
from hearthside.accounts.purge import Purge
from hearthside.conversations.chat_keys import ChatKeys
from hearthside.conversations.chat_settings import ChatSettings, forget_model
from hearthside.conversations.erasing import Erasing
from hearthside.conversations.generations import GenerationPolicy, Generations
from hearthside.conversations.service import Conversations
from hearthside.dialects.services import Services
from hearthside.engines.library import LocalLibrary
from hearthside.engines.policy import policy_from
from hearthside.engines.process import ProcessLauncher
from hearthside.engines.service import LocalEngine
from hearthside.gateway.key_check import KeyCheck
from hearthside.gateway.providers.anthropic import AnthropicProvider
from hearthside.gateway.providers.gemini import GeminiProvider
from hearthside.gateway.providers.local import LocalProvider
from hearthside.gateway.providers.ollama import OllamaProvider
from hearthside.gateway.providers.openai_chat import OpenAIChatProvider
from hearthside.gateway.providers.openrouter import OpenRouterAccount
from hearthside.gateway.service import Gateway
from hearthside.gateway.upstream import Upstream
from hearthside.kit.clock import Clock, SystemClock
from hearthside.kit.db import Database, database_url
from hearthside.kit.errors import HearthsideError
from hearthside.kit.events import EventLog
from hearthside.kit.limits import RateLimiter
from hearthside.kit.outbound import Outbound
from hearthside.kit.remote_wakeups import open_wakeups
from hearthside.migrations import migrate
from hearthside.models.catalogue import Catalogue
from hearthside.models.defaults import SavedDefaults
from hearthside.models.saved import SavedModels
from hearthside.portability.assembly import assemble as assemble_portability
from hearthside.providers.assembly import master_keys, provider_keys
from hearthside.providers.discovery import Discovery
from hearthside.providers.environment import discoverable_endpoints, server_endpoints
from hearthside.providers.model import WireProtocol
from hearthside.providers.service import ProviderDirectory
from hearthside.settings import Settings
from hearthside.usage.model import Quotas
from hearthside.usage.prices import BundledPrices
from hearthside.usage.service import Usage

logger = logging.getLogger(__name__)


class DataFolderInUseError(Exception):
    """Another server works on this data folder."""


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
        self._master_keys = master_keys(settings)
        self._keys = self._master_keys.present()
        limiter = RateLimiter(self._clock, redis_url=settings.redis_url)
        stack.push_async_callback(limiter.close)
        self._outbound = Outbound()
        stack.push_async_callback(self._outbound.close)
        directory, gateway = await self._open_gateway()
        catalogue, saved_models = self._open_models(directory, gateway)
        conversations, self._generations, usage = await self._open_conversations(gateway)
        people = await self._open_people(limiter)
        await self._open_purge(directory, saved_models, usage, people)
        return Services(
            settings=settings,
            clock=self._clock,
            accounts=people.accounts,
            resolver=people.resolver,
            profiles=people.profiles,
            deletion=people.deletion,
            conversations=conversations,
            chat_settings=self._chat_settings(directory, saved_models, catalogue, usage),
            generations=self._generations,
            catalogue=catalogue,
            saved_models=saved_models,
            directory=directory,
            key_check=self._key_check,
            usage=usage,
            portability=assemble_portability(self.database, self._clock, people.profiles),
            limiter=limiter,
            readiness=self.missing,
            started_at=self._clock.monotonic(),
        )

    async def _open_people(self, limiter: RateLimiter) -> People:
        presence = Presence(self.database, self._clock)
        await presence.start()
        self._stack.push_async_callback(presence.close)
        hasher = Argon2Hasher()
        self._stack.callback(hasher.close)
        return assemble(
            self._settings,
            self.database,
            self._clock,
            keys=self._keys,
            hasher=hasher,
            limiter=limiter,
            presence=presence,
            outbound=self._outbound,
            runners=[self._generations],
        )

    def _open_models(self, directory: ProviderDirectory, gateway: Gateway) -> tuple[Catalogue, SavedModels]:
        catalogue = Catalogue(
            directory,
            gateway,
            self._clock,
            default=self._settings.default_model,
            defaults=SavedDefaults(self.database),
            prices=BundledPrices(self._clock),
        )
        self._stack.push_async_callback(catalogue.close)
        saved = SavedModels(self.database, self._clock, directory, catalogue, on_delete=forget_model)
        return catalogue, saved

    def _chat_settings(
        self, directory: ProviderDirectory, saved: SavedModels, catalogue: Catalogue, usage: Usage
    ) -> ChatSettings:
        keys = ChatKeys(self.database, self._clock, provider_keys(self._master_keys))
        return ChatSettings(
            self.database, self._clock, keys=keys, directory=directory, saved=saved, catalogue=catalogue, usage=usage
        )

    async def _open_purge(
        self, directory: ProviderDirectory, saved_models: SavedModels, usage: Usage, people: People
    ) -> None:
        erasing = Erasing(self._events)
        self.purge = Purge(
            self.database,
            self._clock,
            erasers=[erasing.erase, directory.erase, saved_models.erase, usage.erase],
            compactors=[erasing.compact],
            forgetters=[people.accounts.identity.forget],
        )
        await self.purge.start()
        self._stack.push_async_callback(self.purge.close)

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
            provider_keys(self._master_keys),
            server=server_endpoints(os.environ, settings.providers),
            local_servers=discovery,
        )
        policy = policy_from(settings)
        launcher = ProcessLauncher(settings.data_dir / "run", load_seconds=policy.load_seconds)
        engine = LocalEngine(LocalLibrary(settings.models_folder, builtin.ember()), launcher, self._clock, policy)
        await engine.start()
        stack.push_async_callback(engine.close)
        upstream = Upstream(self._outbound, self._clock)
        providers = {
            WireProtocol.OPENAI: OpenAIChatProvider(upstream),
            WireProtocol.ANTHROPIC: AnthropicProvider(upstream),
            WireProtocol.GEMINI: GeminiProvider(upstream),
            WireProtocol.OLLAMA: OllamaProvider(upstream),
            WireProtocol.LOCAL: LocalProvider(engine, upstream),
        }
        gateway = Gateway(providers, directory, self._clock)
        self._key_check = KeyCheck(gateway, directory, OpenRouterAccount(upstream))
        return directory, gateway

    async def _open_conversations(self, gateway: Gateway) -> tuple[Conversations, Generations, Usage]:
        settings, stack = self._settings, self._stack
        wakeups = open_wakeups(self.database.url, redis_url=settings.redis_url)
        await wakeups.start()
        stack.push_async_callback(wakeups.close)
        self._events = events = EventLog(self.database, wakeups, self._clock)
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
