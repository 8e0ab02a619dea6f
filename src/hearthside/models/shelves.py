"""What every provider last listed, remembered so that nobody waits on one that is slow or dead.

A listing is fresh for five minutes, a failure for half a minute. A stale one is served as it is while one background
task asks the provider again; a provider never seen before is given two seconds to answer.
"""

import asyncio
import logging
from dataclasses import dataclass

from hearthside.gateway.failures import failure
from hearthside.gateway.model import ModelInfo
from hearthside.gateway.service import Gateway
from hearthside.kit.clock import Clock
from hearthside.kit.errors import HearthsideError
from hearthside.providers.model import Endpoint, WireProtocol

logger = logging.getLogger(__name__)

FRESH_SECONDS = 300.0
RETRY_SECONDS = 30.0
PATIENCE_SECONDS = 2.0
REMEMBERED_ENDPOINTS = 1000


@dataclass(slots=True)
class Shelf:
    """What one endpoint last listed. `at` is monotonic; `refresh` the task that is asking now.

    `error` says why it listed nothing the last time. `priced` is `models` with what the price list knows, once somebody
    asked for that.
    """

    models: tuple[ModelInfo, ...] = ()
    at: float | None = None
    reachable: bool = False
    error: HearthsideError | None = None
    priced: tuple[ModelInfo, ...] | None = None
    refresh: asyncio.Task[None] | None = None


class Shelves:
    """Owns the tasks that ask; `close` ends them."""

    def __init__(self, gateway: Gateway, clock: Clock) -> None:
        self._gateway = gateway
        self._clock = clock
        self._shelves: dict[Endpoint, Shelf] = {}

    async def close(self) -> None:
        tasks = [shelf.refresh for shelf in self._shelves.values() if shelf.refresh is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def of(self, endpoint: Endpoint) -> Shelf:
        """What is remembered; waits, two seconds at most, only where nothing is."""
        shelf = self._shelf(endpoint)
        if self._is_stale(endpoint, shelf):
            self._ask_anew(endpoint, shelf)
        if shelf.refresh is not None and (shelf.at is None or endpoint.protocol is WireProtocol.LOCAL):
            await asyncio.wait({shelf.refresh}, timeout=PATIENCE_SECONDS)
        return shelf

    async def listed(self, endpoint: Endpoint, *, anew: bool) -> tuple[ModelInfo, ...]:
        """What the provider lists: at this moment (`anew`), or the last time it did, as it also is for one that does
        not answer within two seconds. Errors: `gateway/failures.py`, where it has never listed anything."""
        shelf = self._shelf(endpoint)
        if anew:
            self._ask_anew(endpoint, shelf)
            if shelf.refresh is not None:
                await asyncio.wait({shelf.refresh}, timeout=PATIENCE_SECONDS)
        else:
            await self.of(endpoint)
        if shelf.models or shelf.reachable:
            return shelf.models
        raise _again(shelf.error) if shelf.error else failure("provider_timeout", endpoint)

    def _shelf(self, endpoint: Endpoint) -> Shelf:
        shelf = self._shelves.get(endpoint)
        if shelf is None:
            self._make_room()
            shelf = self._shelves[endpoint] = Shelf()
        return shelf

    def _ask_anew(self, endpoint: Endpoint, shelf: Shelf) -> None:
        """Where somebody is asking already, their answer is waited for."""
        if shelf.refresh is None:
            shelf.refresh = asyncio.create_task(self._ask(endpoint, shelf), name=f"catalogue:{endpoint.provider_id}")

    def _is_stale(self, endpoint: Endpoint, shelf: Shelf) -> bool:
        if shelf.at is None or endpoint.protocol is WireProtocol.LOCAL:
            return True  # listing local files is cheap, and a file that was just put there should show at once
        fresh_seconds = FRESH_SECONDS if shelf.reachable else RETRY_SECONDS
        return self._clock.monotonic() - shelf.at >= fresh_seconds

    async def _ask(self, endpoint: Endpoint, shelf: Shelf) -> None:
        try:
            shelf.models = tuple(await self._gateway.models(endpoint))
            shelf.priced = None
            shelf.reachable, shelf.error = True, None
        except HearthsideError as error:
            shelf.reachable, shelf.error = False, error
            logger.info("provider lists no models", extra={"provider": endpoint.provider_id, "reason": error.code})
        finally:
            shelf.at = self._clock.monotonic()
            shelf.refresh = None

    def _make_room(self) -> None:
        # Users' keys come and go; the oldest idle shelf is the first to be forgotten.
        if len(self._shelves) >= REMEMBERED_ENDPOINTS:
            oldest = next((key for key, shelf in self._shelves.items() if shelf.refresh is None), None)
            if oldest is not None:
                del self._shelves[oldest]


def _again(error: HearthsideError) -> HearthsideError:
    """The same words as a new exception: one that is raised twice drags the first trace along."""
    return type(error)(error.message, code=error.code, retry_after_seconds=error.retry_after_seconds)
