"""Finds model servers that run on this machine: they are among the providers while they run."""

import asyncio
import contextlib
import logging
from collections.abc import Sequence

from hearthside.kit.addresses import parse_url
from hearthside.providers.model import Endpoint

logger = logging.getLogger(__name__)

INTERVAL_SECONDS = 30.0
_PATIENCE_SECONDS = 1.0


class Discovery:
    """Knocks on each candidate's port every half minute. Nobody waits for it: `running()` is what the last round found.

    It only connects: no HTTP client is loaded while nothing listens. Owns its task between `start` and `close`.
    """

    def __init__(self, candidates: Sequence[Endpoint], *, interval_seconds: float = INTERVAL_SECONDS) -> None:
        self._candidates = tuple(candidates)
        self._interval_seconds = interval_seconds
        self._running: tuple[Endpoint, ...] = ()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        if self._candidates:
            self._task = asyncio.create_task(self._go_round(), name="provider-discovery")

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    def candidates(self) -> Sequence[Endpoint]:
        """What it looks for, running or not."""
        return self._candidates

    def running(self) -> Sequence[Endpoint]:
        return self._running

    async def look(self) -> None:
        """One round."""
        answers = await asyncio.gather(*(_listens(candidate) for candidate in self._candidates))
        found = tuple(c for c, is_there in zip(self._candidates, answers, strict=True) if is_there)
        if found != self._running:
            logger.info("local model servers", extra={"providers": [endpoint.provider_id for endpoint in found]})
        self._running = found

    async def _go_round(self) -> None:
        while True:
            await self.look()
            await asyncio.sleep(self._interval_seconds)


async def _listens(endpoint: Endpoint) -> bool:
    target = parse_url(endpoint.base_url)
    try:
        async with asyncio.timeout(_PATIENCE_SECONDS):
            _, writer = await asyncio.open_connection(target.host, target.port)
    except OSError:  # a time-out too
        return False
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    return True
