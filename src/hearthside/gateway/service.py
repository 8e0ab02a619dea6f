"""The gateway: a request goes to the right provider and comes back as events, or as an error that names it."""

import asyncio
import logging
import random
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from typing import Protocol

from hearthside.gateway.breaker import Breaker
from hearthside.gateway.failures import failure, is_transient
from hearthside.gateway.model import Event, Finished, ModelInfo, Provider, Request
from hearthside.kit.clock import Clock
from hearthside.kit.errors import HearthsideError, Invalid
from hearthside.providers.model import BoundKey, Endpoint, WireProtocol

logger = logging.getLogger(__name__)

_RETRIES = 2
_LONGEST_PAUSE_SECONDS = 5.0
_FIRST_PAUSE_SECONDS = 0.25


class Endpoints(Protocol):
    """Who knows where a provider is: providers/service.py."""

    async def endpoint(self, user_id: int, provider_id: str, *, key: BoundKey | None = None) -> Endpoint:
        """`key` is used in the place of the configured one. Raises Invalid provider_not_found, key_not_for_address."""
        ...


class Gateway:
    """Retries what may pass, twice at most and only before the first event: what a reader saw is never said again."""

    def __init__(
        self,
        providers: Mapping[WireProtocol, Provider],
        endpoints: Endpoints,
        clock: Clock,
        *,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._providers = providers
        self._endpoints = endpoints
        self._breaker = Breaker(clock)
        self._pause = pause

    async def stream(
        self, provider_id: str, request: Request, *, user_id: int, key: BoundKey | None = None
    ) -> AsyncGenerator[Event]:
        """The reply, Finished last. Closing the generator ends the upstream request. Raises Invalid provider_not_found
        and all of `gateway/failures.py`."""
        endpoint = await self._endpoints.endpoint(user_id, provider_id, key=key)
        provider = self._provider(endpoint)
        for attempt in range(_RETRIES + 1):
            self._breaker.check(endpoint)
            started = False
            try:
                async with aclosing(self._whole(provider, endpoint, request)) as events:
                    async for event in events:
                        started = True
                        yield event
            except HearthsideError as error:
                self._breaker.failed(endpoint, error)
                delay = _pause_before_retry(error, attempt)
                if started or attempt == _RETRIES or delay is None:
                    raise
                logger.info("provider retried", extra={"provider": endpoint.provider_id, "code": error.code})
            else:
                self._breaker.succeeded(endpoint)
                return
            await self._pause(delay)

    async def models(self, endpoint: Endpoint) -> Sequence[ModelInfo]:
        """The provider's catalogue; once, without retries: whoever lists has other providers to show meanwhile."""
        return await self._provider(endpoint).models(endpoint)

    def _provider(self, endpoint: Endpoint) -> Provider:
        provider = self._providers.get(endpoint.protocol)
        if provider is None:
            raise Invalid(f"{endpoint.name} cannot be used on this server.", code="provider_not_found")
        return provider

    async def _whole(self, provider: Provider, endpoint: Endpoint, request: Request) -> AsyncGenerator[Event]:
        """Whatever a provider does: a reply ends with Finished, and one that does not is an error."""
        async with aclosing(provider.stream(endpoint, request)) as events:
            async for event in events:
                yield event
                if isinstance(event, Finished):
                    return
        raise failure("stream_cut", endpoint)


def _pause_before_retry(error: HearthsideError, attempt: int) -> float | None:
    """Seconds to wait before another try; None where trying again is useless, or sooner than the provider wants."""
    if not is_transient(error):
        return None
    jittered = _FIRST_PAUSE_SECONDS * 2**attempt * random.uniform(0.5, 1.5)
    if error.retry_after_seconds is None:
        return jittered
    return None if error.retry_after_seconds > _LONGEST_PAUSE_SECONDS else max(error.retry_after_seconds, jittered)
