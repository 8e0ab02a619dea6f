"""One model's owner: the one task that changes the model's state. Everybody else asks, and waits.

A request takes a ticket with `acquire()`. The owner brings the model up and hands each ticket the running process,
raising `in_flight` in the same step, so that nothing can be unloaded between "ready" and its first request. All who
come while the model is on its way share the one load.
"""

import asyncio
import copy
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from hearthside.engines import errors
from hearthside.engines.faults import Faults
from hearthside.engines.library import LocalLibrary
from hearthside.engines.memory import MemoryBudget, plan_load
from hearthside.engines.model import (
    Failure,
    Launcher,
    LoadFailed,
    LoadPlan,
    ModelState,
    ModelStatus,
)
from hearthside.engines.policy import EnginePolicy
from hearthside.engines.running import Running
from hearthside.engines.turns import Turns
from hearthside.kit.clock import Clock
from hearthside.kit.errors import HearthsideError

logger = logging.getLogger(__name__)

_RETRY_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Workshop:
    """What all owners share."""

    library: LocalLibrary
    launcher: Launcher
    memory: MemoryBudget
    faults: Faults
    clock: Clock
    policy: EnginePolicy


class ModelOwner:
    def __init__(self, model_id: str, shop: Workshop) -> None:
        self.model_id = model_id
        self.pinned = False
        self.last_used = shop.clock.monotonic()
        policy = shop.policy
        self.turns = Turns(
            shop.clock, slots=policy.slots, limit=policy.queue_limit, limit_per_user=policy.queue_limit_per_user
        )
        self._shop = shop
        self._state = ModelState.UNLOADED
        self._failure: Failure | None = None
        self._last_used_at: datetime | None = None
        self._running: Running | None = None
        self._tickets: list[asyncio.Future[Running]] = []
        self._wanted = False
        self._forced = False
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    # What others may do: none of it changes the state.

    def start(self) -> None:
        self._task = asyncio.create_task(self._live(), name=f"owner of {self.model_id}")

    async def close(self) -> None:
        """Ends the process and everybody's wait for it."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})

    @property
    def busy(self) -> bool:
        return bool(self._tickets) or (self._running is not None and self._running.in_flight > 0)

    @property
    def is_ready(self) -> bool:
        return self._running is not None and self._running.accepting

    def status(self) -> ModelStatus:
        running = self._running
        return ModelStatus(
            model_id=self.model_id,
            state=self._state,
            in_flight=running.in_flight if running else 0,
            waiting=self.turns.waiting + len(self._tickets),
            pinned=self.pinned,
            memory_bytes=running.process.memory_bytes() if running else 0,
            loaded_at=running.loaded_at if running else None,
            last_used_at=self._last_used_at,
            failure=self._failure,
        )

    async def acquire(self) -> Running:
        """The running model, with this caller counted in `in_flight`; give it back with `release`."""
        ticket: asyncio.Future[Running] = asyncio.get_running_loop().create_future()
        self._tickets.append(ticket)
        self._grant()
        self._changed.set()
        try:
            return await ticket
        except asyncio.CancelledError:
            if not ticket.cancelled() and ticket.exception() is None:
                self.release(ticket.result())
            raise
        finally:
            if ticket in self._tickets:
                self._tickets.remove(ticket)

    def release(self, running: Running) -> None:
        running.in_flight -= 1
        self.last_used = self._shop.clock.monotonic()
        self._last_used_at = self._shop.clock.now()
        self._changed.set()

    def want(self) -> None:
        """Load it, though nobody waits."""
        self._wanted = True
        self._changed.set()

    def leave(self) -> None:
        if self._running is not None:
            self._running.accepting = False
        self._changed.set()

    async def unload(self, *, force: bool) -> None:
        """Waits until it is gone. `force` ends what it is answering."""
        running = self._running
        self._wanted = False
        if running is None:
            return
        self._forced = self._forced or force
        self.leave()
        await running.gone.wait()

    # The owner's own task.

    async def _live(self) -> None:
        try:
            while True:
                await self._until(lambda: bool(self._tickets) or self._wanted)
                await self._one_life()
        finally:
            self._refuse(errors.stopped())
            if self._state is not ModelState.FAILED:
                self._enter(ModelState.UNLOADED)

    async def _one_life(self) -> None:
        """From the first ticket to the end of the process, or to the failure that all tickets hear of."""
        try:
            file, plan = await self._prepared()
            await self._admitted(plan)
            running = await self._brought_up(file, plan)
            await self._served(file, running)
        except HearthsideError as error:
            self._wanted = False
            self._refuse(error)
        except Exception:  # whatever it is, the next request must find an owner
            logger.exception("the owner of a model met a bug", extra={"model": self.model_id})
            self._wanted = False
            self._refuse(errors.not_started("the server met an error of its own, see its log", _RETRY_SECONDS))
            self._enter(ModelState.UNLOADED)
        finally:
            self._shop.memory.release(self)

    async def _prepared(self) -> tuple[str, LoadPlan]:
        """Everything that can be known before a process is spawned. Waits for the end of a back-off."""
        try:
            model = await asyncio.to_thread(self._shop.library.find, self.model_id)
            file = await asyncio.to_thread(self._shop.library.examine, model)
            pause = self._shop.faults.pause_seconds(file)
            plan = plan_load(model, self._shop.policy)
        except HearthsideError as error:
            retry = error.retry_after_seconds
            self._enter(ModelState.FAILED, Failure(error.message, exit_code=None, retry_after_seconds=retry))
            raise
        self._enter(ModelState.QUEUED)
        await asyncio.sleep(pause)
        return file, plan

    async def _admitted(self, plan: LoadPlan) -> None:
        try:
            async with asyncio.timeout(self._shop.policy.memory_wait_seconds):
                await self._shop.memory.admit(self, plan.memory_bytes)
        except TimeoutError:
            self._enter(ModelState.UNLOADED)
            raise errors.busy(_RETRY_SECONDS) from None

    async def _brought_up(self, file: str, plan: LoadPlan) -> Running:
        self._enter(ModelState.LOADING)
        began = self._shop.clock.monotonic()
        try:
            process = await self._shop.launcher.launch(plan)
        except LoadFailed as error:
            failure = self._noted(file, error.reason, error.exit_code, blames_file=error.broken)
            raise self._shop.faults.as_error(failure, blames_file=error.broken) from error
        memory = process.memory_bytes()
        self._shop.memory.measured(self, memory)
        seconds = round(self._shop.clock.monotonic() - began, 3)
        fields = {"model": self.model_id, "pid": process.pid, "seconds": seconds, "bytes": memory}
        logger.info("local model loaded", extra=fields)
        return Running(process, self._shop.clock.now())

    async def _served(self, file: str, running: Running) -> None:
        """Serves until the process dies, or until it is to leave and has answered everybody."""
        exited = running.process.exited
        exited.add_done_callback(lambda _: self._changed.set())
        self._running, self._wanted, self._forced = running, False, False
        self.last_used = self._shop.clock.monotonic()
        try:
            self._grant()
            self._enter(ModelState.READY)
            await self._until(lambda: exited.done() or not running.accepting)
            if not exited.done():
                self._enter(ModelState.DRAINING)
                await self._until(lambda: exited.done() or self._forced or running.in_flight == 0)
        finally:
            crashed = exited.done()
            await self._ended(running, crashed=crashed)
        if crashed:
            self._noted(file, running.process.last_words(), exited.result(), blames_file=True)
        else:
            self._enter(ModelState.UNLOADED)

    async def _ended(self, running: Running, *, crashed: bool) -> None:
        running.accepting = False
        running.stopping = not crashed
        try:
            await running.process.stop()
        finally:
            self._running = None
            running.gone.set()

    def _noted(self, file: str, reason: str, exit_code: int | None, *, blames_file: bool) -> Failure:
        failure = self._shop.faults.note(file, reason, exit_code=exit_code, blames_file=blames_file)
        self._enter(ModelState.FAILED, failure)
        return failure

    def _grant(self) -> None:
        """Hands the running process to all who wait for it."""
        running = self._running
        if running is None or not running.accepting:
            return
        for ticket in self._tickets:
            if not ticket.done():
                running.in_flight += 1
                ticket.set_result(running)
        self._tickets.clear()

    def _refuse(self, error: HearthsideError) -> None:
        """Each gets an error of its own: one exception raised in many tasks mixes their tracebacks."""
        for ticket in self._tickets:
            if not ticket.done():
                ticket.set_exception(copy.copy(error))
        self._tickets.clear()

    async def _until(self, holds: Callable[[], bool]) -> None:
        while not holds():
            self._changed.clear()
            await self._changed.wait()

    def _enter(self, state: ModelState, failure: Failure | None = None) -> None:
        if (state, failure) == (self._state, self._failure):
            return  # a broken model fails the same way for each who asks
        self._state, self._failure = state, failure
        level = logging.WARNING if failure else logging.INFO
        fields = {"model": self.model_id, "state": state.value}
        if failure:
            fields["reason"] = failure.reason
        logger.log(level, "local model %s", state.value, extra=fields)
