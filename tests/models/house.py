"""A user's providers whose lists the test writes, and the catalogue over them."""

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from hearthside.gateway.model import Capabilities, Event, ModelInfo, Request
from hearthside.gateway.service import Gateway
from hearthside.kit.actor import Actor, CredentialKind, Role, Scope
from hearthside.kit.clock import ManualClock
from hearthside.kit.db import Database
from hearthside.kit.errors import HearthsideError
from hearthside.kit.secret import Secret
from hearthside.models.catalogue import Catalogue
from hearthside.models.defaults import SavedDefaults
from hearthside.models.saved import SavedModels
from hearthside.providers.keys import ProviderKeys
from hearthside.providers.model import Endpoint, WireProtocol
from hearthside.providers.service import ProviderDirectory
from hearthside.usage.model import ModelFacts, TokenPrices

KEY = Secret("sk-anna-0123456789")
SHOP = Endpoint("shop", "The Shop", WireProtocol.OPENAI, "https://shop.example/v1", None, trusted=True)
LAB = Endpoint("lab", "Lab", WireProtocol.OPENAI, "https://lab.example/v1", None, trusted=True)

CHEAP = TokenPrices(Decimal("0.1"), Decimal("0.2"))
DEAR = TokenPrices(Decimal(10), Decimal(20))


def actor(user_id: int, *scopes: Scope) -> Actor:
    allowed = frozenset(scopes or Scope)
    return Actor(user_id, f"user-{user_id}", Role.USER, CredentialKind.ACCESS_TOKEN, 1, allowed)


ANNA, BEN = actor(1), actor(2)


def model(
    id_: str,
    label: str = "",
    *,
    about: str | None = None,
    context: int | None = None,
    prices: TokenPrices | None = None,
) -> ModelInfo:
    return ModelInfo(
        id_,
        label or id_,
        Capabilities(max_context_tokens=context),
        description=about,
        prices=prices,
        max_output_tokens=9,
    )


class Silence:
    """A provider that does not answer until the test lets it."""

    def __init__(self, then: Sequence[ModelInfo] | HearthsideError = ()) -> None:
        self.then = then
        self.over = asyncio.Event()


List = Sequence[ModelInfo] | HearthsideError | Silence


class Lists:
    """The Provider port: each endpoint lists what `lists` says. `asked` are the providers asked so far."""

    def __init__(self, lists: Mapping[str, List]) -> None:
        self.lists = dict(lists)
        self.asked: list[str] = []

    async def stream(self, endpoint: Endpoint, request: Request) -> AsyncGenerator[Event]:
        raise NotImplementedError
        yield

    async def models(self, endpoint: Endpoint) -> Sequence[ModelInfo]:
        self.asked.append(endpoint.provider_id)
        said = self.lists.get(endpoint.provider_id, ())
        if isinstance(said, Silence):
            await said.over.wait()
            said = said.then
        if isinstance(said, HearthsideError):
            raise said
        return said


@dataclass
class Facts:
    """The PriceList port; `asked` are the addresses asked about."""

    known: Mapping[str, ModelFacts] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    async def facts(self, base_url: str, models: Sequence[str]) -> Mapping[str, ModelFacts]:
        self.asked.append(base_url)
        return {name: self.known[name] for name in models if name in self.known}


class NoLocalServers:
    def candidates(self) -> Sequence[Endpoint]:
        return []

    def running(self) -> Sequence[Endpoint]:
        return []


class House:
    def __init__(
        self,
        database: Database,
        lists: Mapping[str, List],
        *,
        facts: Mapping[str, ModelFacts] | None = None,
        default: str | None = None,
        server: Sequence[Endpoint] = (SHOP, LAB),
    ) -> None:
        self.clock = ManualClock()
        self.lists = Lists(lists)
        self.facts = Facts(facts or {})
        keys = ProviderKeys(bytes(32))
        self.directory = ProviderDirectory(database, self.clock, keys, server=server, local_servers=NoLocalServers())
        gateway = Gateway(dict.fromkeys(WireProtocol, self.lists), self.directory, self.clock)
        self.catalogue = Catalogue(
            self.directory,
            gateway,
            self.clock,
            default=default,
            defaults=SavedDefaults(database),
            prices=self.facts,
        )
        self.saved = SavedModels(database, self.clock, self.directory, self.catalogue)

    async def close(self) -> None:
        await self.catalogue.close()
