import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from hearthside.engines.memory import MemoryBudget, estimate_bytes, plan_load
from hearthside.engines.model import LocalModel
from hearthside.engines.policy import EnginePolicy
from hearthside.kit.errors import Invalid

GIB = 2**30
MODEL = LocalModel(
    "eight-billion",
    "8B at 4 bits",
    Path("8b.gguf"),
    size_bytes=4_900_000_000,
    context_tokens=131_072,
    description="",
    parameters=8_000_000_000,
    key_value_bytes=2 * 32 * 8 * 128 * 2,
)


class Tenant:
    def __init__(
        self, name: str, budget: MemoryBudget, *, pinned: bool = False, busy: bool = False, used: float = 0
    ) -> None:
        self.name = name
        self.pinned = pinned
        self.busy = busy
        self.last_used = used
        self.asked_to_leave = asyncio.Event()
        self._budget = budget

    def leave(self) -> None:
        self.asked_to_leave.set()
        if not self.busy:
            self._budget.release(self)


def test_the_estimate_is_process_file_and_pool_and_a_margin() -> None:
    assert estimate_bytes(MODEL, 8192) == (40_000_000 + 4_900_000_000 + 8192 * 131_072) * 115 // 100


def test_a_roomy_machine_gets_the_policy_s_context_and_room_for_several() -> None:
    plan = plan_load(MODEL, EnginePolicy(memory_bytes=64 * GIB, threads=8))
    assert (plan.context_tokens, plan.pool_tokens, plan.threads) == (16_384, 2 * 16_384, 8)


def test_the_context_is_halved_until_it_fits() -> None:
    plan = plan_load(MODEL, EnginePolicy(memory_bytes=7 * GIB))
    assert plan.context_tokens == plan.pool_tokens == 8192
    assert plan.memory_bytes <= 7 * GIB


def test_a_model_that_does_not_fit_says_so() -> None:
    with pytest.raises(Invalid, match=r"needs about 5\.\d GiB .* may use 4\.0 GiB") as caught:
        plan_load(MODEL, EnginePolicy(memory_bytes=4 * GIB))
    assert caught.value.code == "model_too_large"


def test_a_small_model_gets_every_slot_its_whole_context_and_one_thread() -> None:
    small = replace(MODEL, size_bytes=1_500_000, context_tokens=1024, parameters=1_300_000, key_value_bytes=2048)
    plan = plan_load(small, EnginePolicy(memory_bytes=GIB, threads=8, slots=4))
    assert (plan.context_tokens, plan.pool_tokens, plan.threads) == (1024, 4096, 1)


async def test_the_longest_unused_idle_tenant_makes_room() -> None:
    budget = MemoryBudget(100)
    old, new = Tenant("old", budget, used=1), Tenant("new", budget, used=2)
    await budget.admit(new, 40)
    await budget.admit(old, 40)
    await budget.admit(Tenant("third", budget), 50)
    assert old.asked_to_leave.is_set()
    assert not new.asked_to_leave.is_set()


async def test_a_pinned_tenant_stays_and_the_newcomer_waits_until_it_is_unpinned() -> None:
    budget = MemoryBudget(100)
    pinned = Tenant("pinned", budget, pinned=True)
    await budget.admit(pinned, 80)
    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(budget.admit(Tenant("newcomer", budget), 50))
        await asyncio.sleep(0)
        assert not waiting.done()
        pinned.pinned = False
        budget.reconsider()


async def test_a_busy_tenant_is_asked_last_and_finishes_first() -> None:
    budget = MemoryBudget(100)
    busy, idle = Tenant("busy", budget, busy=True, used=1), Tenant("idle", budget, used=2)
    await budget.admit(busy, 50)
    await budget.admit(idle, 50)
    await budget.admit(Tenant("third", budget), 50)
    assert idle.asked_to_leave.is_set()
    assert not busy.asked_to_leave.is_set()
    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(budget.admit(Tenant("fourth", budget, used=3), 100))
        await busy.asked_to_leave.wait()
        assert not waiting.done()
        budget.release(busy)


async def test_a_measurement_replaces_the_estimate() -> None:
    budget = MemoryBudget(100)
    tenant = Tenant("one", budget)
    await budget.admit(tenant, 90)
    budget.measured(tenant, 30)
    assert budget.free_bytes == 70
    budget.measured(tenant, 0)
    assert budget.free_bytes == 70


async def test_who_stops_waiting_holds_nothing_and_blocks_nobody() -> None:
    budget = MemoryBudget(100)
    await budget.admit(Tenant("pinned", budget, pinned=True), 60)
    waiting = asyncio.create_task(budget.admit(Tenant("impatient", budget), 50))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.wait({waiting})
    await budget.admit(Tenant("small", budget), 40)
    assert budget.free_bytes == 0
