"""Memory for models: what one will need, who may have it, and who has to go.

The estimate: 40 MB for the process, the file, and the key-value pool (2 · layers · tokens · kv_heads · head_dim · 2
bytes), with 15 % on top. Once a model is loaded, what its process really occupies takes the estimate's place.
"""

import asyncio
from collections.abc import Sequence
from typing import Protocol

from hearthside.engines.errors import too_large
from hearthside.engines.model import LoadPlan, LocalModel
from hearthside.engines.policy import EnginePolicy

_PROCESS_BYTES = 40_000_000
_MARGIN_PERCENT = 115
_LEAST_CONTEXT_TOKENS = 512
# Below this a token is computed sooner than threads can agree on it: two threads made a model of 1.3 million parameters
# 4 to 80 times slower on a machine with other work.
_ONE_THREAD_PARAMETERS = 100_000_000


def estimate_bytes(model: LocalModel, pool_tokens: int) -> int:
    return (_PROCESS_BYTES + model.size_bytes + pool_tokens * model.key_value_bytes) * _MARGIN_PERCENT // 100


def plan_load(model: LocalModel, policy: EnginePolicy) -> LoadPlan:
    """The largest context that fits, and a pool for as many such contexts as cost no more than the weights do.

    Raises Invalid `model_too_large` where not even a short context fits into the whole budget.
    """
    context = min(model.context_tokens, policy.context_tokens)
    while estimate_bytes(model, context) > policy.memory_bytes and context // 2 >= _LEAST_CONTEXT_TOKENS:
        context //= 2
    if estimate_bytes(model, context) > policy.memory_bytes:
        raise too_large(estimate_bytes(model, context), policy.memory_bytes)
    pool = context * _contexts(model, context, policy)
    return LoadPlan(
        model=model,
        context_tokens=context,
        pool_tokens=pool,
        slots=policy.slots,
        threads=1 if model.parameters < _ONE_THREAD_PARAMETERS else policy.threads,
        memory_bytes=estimate_bytes(model, pool),
    )


def _contexts(model: LocalModel, context: int, policy: EnginePolicy) -> int:
    weights = _PROCESS_BYTES + model.size_bytes
    for count in range(policy.slots, 1, -1):
        pool = context * count
        if pool * model.key_value_bytes <= weights and estimate_bytes(model, pool) <= policy.memory_bytes:
            return count
    return 1


class Occupant(Protocol):
    """A model that holds memory, or is about to."""

    @property
    def pinned(self) -> bool: ...

    @property
    def busy(self) -> bool: ...

    @property
    def last_used(self) -> float:
        """On the monotonic clock."""
        ...

    def leave(self) -> None:
        """Take no more requests, finish those in flight, then give the memory back."""
        ...


class MemoryBudget:
    """First come, first served. Whoever comes asks others to leave: idle ones first, the longest unused first."""

    def __init__(self, total_bytes: int) -> None:
        self._total = total_bytes
        self._held: dict[Occupant, int] = {}
        self._leaving: set[Occupant] = set()
        self._turn = asyncio.Lock()
        self._freed = asyncio.Event()

    @property
    def free_bytes(self) -> int:
        return self._total - sum(self._held.values())

    async def admit(self, occupant: Occupant, need_bytes: int) -> None:
        """Waits until there is room; the caller bounds the wait. `need_bytes` is at most the whole budget."""
        async with self._turn:
            while self.free_bytes < need_bytes:
                self._freed.clear()  # before anybody is asked to leave: some leave at once
                self._make_room(need_bytes)
                await self._freed.wait()
            self._held[occupant] = need_bytes

    def measured(self, occupant: Occupant, actual_bytes: int) -> None:
        """Replaces the estimate; 0 is no measurement."""
        if actual_bytes and occupant in self._held:
            self._held[occupant] = actual_bytes
            self._freed.set()

    def release(self, occupant: Occupant) -> None:
        self._held.pop(occupant, None)
        self._leaving.discard(occupant)
        self._freed.set()

    def reconsider(self) -> None:
        """Something changed that may let one leave which could not before: a pin was taken away."""
        self._freed.set()

    def _make_room(self, need_bytes: int) -> None:
        expected = self.free_bytes + sum(self._held[occupant] for occupant in self._leaving)
        for occupant in self._candidates():
            if expected >= need_bytes:
                return
            expected += self._held[occupant]
            self._leaving.add(occupant)
            occupant.leave()

    def _candidates(self) -> Sequence[Occupant]:
        able = [one for one in self._held if not one.pinned and one not in self._leaving]
        return sorted(able, key=lambda one: (one.busy, one.last_used))
