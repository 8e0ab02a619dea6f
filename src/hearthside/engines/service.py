"""The local engine: models of the library run in processes of their own, loaded when asked for, unloaded when idle."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from hearthside.engines import errors
from hearthside.engines.faults import Faults
from hearthside.engines.library import LocalLibrary
from hearthside.engines.memory import MemoryBudget
from hearthside.engines.model import EngineAddress, Launcher, LocalModel, ModelState, ModelStatus
from hearthside.engines.owner import ModelOwner, Workshop
from hearthside.engines.policy import EnginePolicy
from hearthside.kit.clock import Clock
from hearthside.kit.errors import Unavailable, UpstreamFailed, UpstreamTimeout

_LONGEST_SWEEP_SECONDS = 5.0


class LocalEngine:
    """Nothing runs, and nothing is read, before the first request for a model."""

    def __init__(self, library: LocalLibrary, launcher: Launcher, clock: Clock, policy: EnginePolicy) -> None:
        self._library = library
        self._clock = clock
        self._policy = policy
        self._memory = MemoryBudget(policy.memory_bytes)
        faults = Faults(clock, policy)
        self._shop = Workshop(library, launcher, self._memory, faults, clock, policy)
        self._owners: dict[str, ModelOwner] = {}
        self._sweeper: asyncio.Task[None] | None = None
        self._closed = False

    async def start(self) -> None:
        if self._policy.idle_seconds >= 0:
            self._sweeper = asyncio.create_task(self._sweep(), name="idle local models")

    async def close(self) -> None:
        """Ends all model processes; whoever waits for one hears `engine_stopped`."""
        self._closed = True
        if self._sweeper is not None:
            self._sweeper.cancel()
            await asyncio.wait({self._sweeper})
        await asyncio.gather(*(owner.close() for owner in self._owners.values()))
        self._shop.launcher.close()

    async def models(self) -> list[LocalModel]:
        """All files, those with a `problem` included; the built-in model first."""
        return await asyncio.to_thread(self._library.models)

    async def find(self, model_id: str) -> LocalModel:
        """Raises Invalid `model_not_found`."""
        return await asyncio.to_thread(self._library.find, model_id)

    def context_tokens(self, model: LocalModel) -> int:
        """The most that one request may use; less where memory is short when the model is loaded."""
        return min(model.context_tokens, self._policy.context_tokens)

    async def statuses(self) -> list[ModelStatus]:
        """Of all models, in the order of `models()`."""
        return [self._status(model.id) for model in await self.models()]

    async def status(self, model_id: str) -> ModelStatus:
        """Raises Invalid `model_not_found`."""
        return self._status((await self.find(model_id)).id)

    async def load(self, model_id: str, *, wait: bool) -> ModelStatus:
        """Loads it unless it is loaded. `wait`: until it is ready, raising what `lease` raises."""
        owner = await self._owner(model_id)
        if wait:
            owner.release(await owner.acquire())
        else:
            owner.want()
        return owner.status()

    async def unload(self, model_id: str, *, force: bool = False) -> ModelStatus:
        """Unloads it if it is loaded. Without `force`, Conflict `model_in_use` when it is pinned or answering."""
        owner = await self._owner(model_id)
        if not force and (owner.pinned or owner.busy):
            raise errors.in_use()
        await owner.unload(force=force)
        return owner.status()

    async def pin(self, model_id: str, *, pinned: bool) -> ModelStatus:
        """A pinned model is unloaded neither for being idle nor to make room. Pinning does not load."""
        owner = await self._owner(model_id)
        owner.pinned = pinned
        self._memory.reconsider()
        return owner.status()

    @asynccontextmanager
    async def lease(self, model_id: str, *, user: str) -> AsyncGenerator[EngineAddress]:
        """The model, loaded and kept loaded until the block ends. Waits for a turn, for memory, for the load.

        Raises Invalid `model_not_found`, `model_broken`, `model_too_large`; Unavailable `engine_busy`, `engine_failed`.
        What fails inside the block because the model's process ended becomes UpstreamFailed `engine_crashed`, or
        Unavailable `engine_stopped` if it was told to end.
        """
        owner = await self._owner(model_id)
        async with owner.turns.turn(user):
            running = await owner.acquire()
            try:
                yield running.process.address
            except (Unavailable, UpstreamFailed, UpstreamTimeout) as error:
                # A connection that broke says little; why its process ended says more.
                raise await running.obituary() or error from error
            finally:
                owner.release(running)

    def unload_idle(self) -> None:
        """Lets go what has not been used for the policy's time. The engine does so by itself every few seconds."""
        long_ago = self._clock.monotonic() - self._policy.idle_seconds
        for owner in self._owners.values():
            if not owner.pinned and not owner.busy and owner.last_used <= long_ago:
                owner.leave()

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(min(max(self._policy.idle_seconds, 1), _LONGEST_SWEEP_SECONDS))
            self.unload_idle()

    async def _owner(self, model_id: str) -> ModelOwner:
        owner = self._owners.get(model_id)
        if owner is not None and owner.is_ready:
            return owner  # the common case: no look into the folder
        await self.find(model_id)
        if self._closed:
            raise errors.stopped()
        owner = self._owners.get(model_id)
        if owner is None:
            owner = self._owners[model_id] = ModelOwner(model_id, self._shop)
            owner.start()
        return owner

    def _status(self, model_id: str) -> ModelStatus:
        owner = self._owners.get(model_id)
        return owner.status() if owner else _never_used(model_id)


def _never_used(model_id: str) -> ModelStatus:
    return ModelStatus(
        model_id,
        ModelState.UNLOADED,
        in_flight=0,
        waiting=0,
        pinned=False,
        memory_bytes=0,
        loaded_at=None,
        last_used_at=None,
        failure=None,
    )
