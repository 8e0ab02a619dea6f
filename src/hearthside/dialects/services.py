"""What routes work with: every service of the core, handed over by the composition root as one object."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends
from starlette.requests import Request

from hearthside.accounts.deletion import Deletion
from hearthside.accounts.profiles import Profiles
from hearthside.accounts.resolver import Resolver
from hearthside.accounts.service import Accounts
from hearthside.conversations.chat_settings import ChatSettings
from hearthside.conversations.generations import Generations
from hearthside.conversations.service import Conversations
from hearthside.gateway.key_check import KeyCheck
from hearthside.kit.clock import Clock
from hearthside.kit.limits import RateLimiter
from hearthside.models.catalogue import Catalogue
from hearthside.models.saved import SavedModels
from hearthside.portability.service import Portability
from hearthside.providers.service import ProviderDirectory
from hearthside.settings import Settings
from hearthside.usage.service import Usage

Readiness = Callable[[], Awaitable[Sequence[str]]]
"""Names what is missing for work to be taken on ("database", "shutting down"); nothing when all is there."""


@dataclass(frozen=True, slots=True)
class Services:
    """`started_at` is the clock's monotonic time at which the server came up."""

    settings: Settings
    clock: Clock
    accounts: Accounts
    resolver: Resolver
    profiles: Profiles
    deletion: Deletion
    conversations: Conversations
    chat_settings: ChatSettings
    generations: Generations
    catalogue: Catalogue
    saved_models: SavedModels
    directory: ProviderDirectory
    key_check: KeyCheck
    usage: Usage
    portability: Portability
    limiter: RateLimiter
    readiness: Readiness
    started_at: float


async def services_of(request: Request) -> Services:
    """The services of the application that handles the request (`app.state.services`)."""
    services: Services = request.app.state.services
    return services


House = Annotated[Services, Depends(services_of)]
