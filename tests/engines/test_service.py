"""The engine's policy, on scripted processes: no model runs here."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from hearthside.engines.model import LoadFailed, ModelState
from hearthside.engines.scripted import ScriptedLauncher
from hearthside.engines.service import LocalEngine
from hearthside.kit.clock import ManualClock
from hearthside.kit.errors import Conflict, HearthsideError, Invalid, Unavailable, UpstreamFailed
from tests.engines import tiny_gguf
from tests.engines.conftest import POLICY, MakeEngine

ONE_MODEL_BYTES = 60_000_000  # the tiny model's estimate is 48 MB: there is room for one
BROKEN = LoadFailed("tensor 'a' is missing", exit_code=3, broken=True)
KILLED = LoadFailed("its process was killed", exit_code=-9, broken=False)


async def state_of(engine: LocalEngine, model_id: str = "tiny") -> ModelState:
    return (await engine.status(model_id)).state


async def becomes(engine: LocalEngine, state: ModelState, model_id: str = "tiny") -> None:
    async with asyncio.timeout(10):
        while await state_of(engine, model_id) is not state:
            await asyncio.sleep(0)


async def test_a_lease_loads_the_model_and_a_second_one_finds_it_loaded(make_engine: MakeEngine) -> None:
    launcher = ScriptedLauncher()
    async with make_engine(launcher) as engine:
        assert await state_of(engine) is ModelState.UNLOADED
        async with engine.lease("tiny", user="anna") as address:
            status = await engine.status("tiny")
            assert (status.state, status.in_flight) == (ModelState.READY, 1)
        async with engine.lease("tiny", user="bert") as again:
            assert again == address
        assert (await engine.status("tiny")).in_flight == 0
    assert len(launcher.launched) == 1
    assert launcher.launched[0].exited.done()


async def test_an_unknown_model_is_not_found(make_engine: MakeEngine) -> None:
    async with make_engine(ScriptedLauncher()) as engine:
        with pytest.raises(Invalid) as caught:
            async with engine.lease("absent", user="anna"):
                pass
    assert caught.value.code == "model_not_found"


async def test_all_who_come_during_a_load_share_it(make_engine: MakeEngine) -> None:
    launcher = ScriptedLauncher()
    launcher.hold()

    async def visit(user: str) -> None:
        async with engine.lease("tiny", user=user):
            pass

    async with make_engine(launcher) as engine, asyncio.TaskGroup() as group:
        for user in ("anna", "bert", "carl"):
            group.create_task(visit(user))
        await launcher.loading.wait()
        assert await state_of(engine) is ModelState.LOADING
        launcher.let_go()
    assert len(launcher.launched) == 1


async def test_who_leaves_during_a_load_takes_nothing_along(make_engine: MakeEngine) -> None:
    launcher = ScriptedLauncher()
    launcher.hold()
    async with make_engine(launcher) as engine:
        waiting = asyncio.create_task(engine.load("tiny", wait=True))
        await launcher.loading.wait()
        waiting.cancel()
        await asyncio.wait({waiting})
        launcher.let_go()
        await becomes(engine, ModelState.READY)
        assert (await engine.status("tiny")).in_flight == 0


async def test_idle_models_are_unloaded_and_pinned_or_busy_ones_are_not(make_engine: MakeEngine) -> None:
    clock = ManualClock()
    async with make_engine(ScriptedLauncher(), clock=clock) as engine:
        await engine.pin("tiny", pinned=True)
        await engine.load("tiny", wait=True)
        clock.advance(POLICY.idle_seconds)
        engine.unload_idle()
        assert await state_of(engine) is ModelState.READY
        await engine.pin("tiny", pinned=False)
        async with engine.lease("tiny", user="anna"):
            clock.advance(POLICY.idle_seconds)
            engine.unload_idle()
            assert await state_of(engine) is ModelState.READY
        engine.unload_idle()
        assert await state_of(engine) is ModelState.READY  # used just now
        clock.advance(POLICY.idle_seconds)
        engine.unload_idle()
        await becomes(engine, ModelState.UNLOADED)


async def test_the_engine_unloads_idle_models_by_itself(make_engine: MakeEngine) -> None:
    async with make_engine(ScriptedLauncher(), policy=replace(POLICY, idle_seconds=0)) as engine:
        await engine.load("tiny", wait=True)
        await becomes(engine, ModelState.UNLOADED)


async def test_a_model_that_needs_the_memory_sends_the_idle_one_away(
    models_folder: Path, make_engine: MakeEngine
) -> None:
    tiny_gguf.write(models_folder / "other.gguf")
    async with make_engine(ScriptedLauncher(), policy=replace(POLICY, memory_bytes=ONE_MODEL_BYTES)) as engine:
        await engine.load("tiny", wait=True)
        await engine.load("other", wait=True)
        assert await state_of(engine, "tiny") is ModelState.UNLOADED
        assert await state_of(engine, "other") is ModelState.READY


async def test_a_busy_model_finishes_before_it_makes_room(models_folder: Path, make_engine: MakeEngine) -> None:
    tiny_gguf.write(models_folder / "other.gguf")
    async with make_engine(ScriptedLauncher(), policy=replace(POLICY, memory_bytes=ONE_MODEL_BYTES)) as engine:
        async with engine.lease("tiny", user="anna"):
            other = asyncio.create_task(engine.load("other", wait=True))
            await becomes(engine, ModelState.DRAINING, "tiny")
            assert await state_of(engine, "other") is ModelState.QUEUED
        await other
        assert await state_of(engine, "tiny") is ModelState.UNLOADED


async def test_who_comes_while_a_model_leaves_gets_its_next_life(models_folder: Path, make_engine: MakeEngine) -> None:
    tiny_gguf.write(models_folder / "other.gguf")
    launcher = ScriptedLauncher()
    async with make_engine(launcher, policy=replace(POLICY, memory_bytes=ONE_MODEL_BYTES)) as engine:
        async with engine.lease("tiny", user="anna"):
            other = asyncio.create_task(engine.load("other", wait=True))
            await becomes(engine, ModelState.DRAINING, "tiny")
            late = asyncio.create_task(engine.load("tiny", wait=True))
        await asyncio.gather(other, late)
    assert [process.plan.model.id for process in launcher.launched] == ["tiny", "other", "tiny"]


async def test_nobody_waits_for_memory_for_ever(models_folder: Path, make_engine: MakeEngine) -> None:
    tiny_gguf.write(models_folder / "other.gguf")
    policy = replace(POLICY, memory_bytes=ONE_MODEL_BYTES, memory_wait_seconds=0.01)
    async with make_engine(ScriptedLauncher(), policy=policy) as engine:
        await engine.pin("tiny", pinned=True)
        await engine.load("tiny", wait=True)
        with pytest.raises(Unavailable) as caught:
            await engine.load("other", wait=True)
        assert await state_of(engine, "other") is ModelState.UNLOADED
    assert caught.value.code == "engine_busy"
    assert caught.value.retry_after_seconds


async def test_a_crash_is_told_to_those_it_cut_off_and_the_next_request_starts_anew(make_engine: MakeEngine) -> None:
    launcher = ScriptedLauncher()
    async with make_engine(launcher) as engine:

        async def cut_off() -> None:
            async with engine.lease("tiny", user="anna"):
                launcher.launched[0].crash("the assertion that failed")
                raise UpstreamFailed("The connection broke.", code="stream_cut")

        with pytest.raises(UpstreamFailed, match="the assertion that failed") as caught:
            await cut_off()
        assert caught.value.code == "engine_crashed"
        await becomes(engine, ModelState.FAILED)
        failure = (await engine.status("tiny")).failure
        assert failure is not None
        assert (failure.reason, failure.exit_code) == ("the assertion that failed", -6)
        async with engine.lease("tiny", user="anna"):
            assert await state_of(engine) is ModelState.READY
    assert len(launcher.launched) == 2


async def test_an_error_that_is_not_the_process_s_passes_as_it_is(make_engine: MakeEngine) -> None:
    async with make_engine(ScriptedLauncher()) as engine:
        with pytest.raises(Invalid) as caught:
            async with engine.lease("tiny", user="anna"):
                raise Invalid("Too long.", code="context_too_long")
    assert caught.value.code == "context_too_long"


async def test_after_two_crashes_the_file_is_left_alone_until_it_changes(
    models_folder: Path, make_engine: MakeEngine
) -> None:
    launcher = ScriptedLauncher()
    async with make_engine(launcher) as engine:
        for crashes in range(2):
            await engine.load("tiny", wait=True)
            launcher.launched[crashes].crash("the assertion that failed")
            await becomes(engine, ModelState.FAILED)
        for _ in range(2):
            with pytest.raises(Invalid, match=r"failed 2 times.*the assertion that failed") as caught:
                await engine.load("tiny", wait=True)
            assert caught.value.code == "model_broken"
        assert len(launcher.launched) == 2
        tiny_gguf.write(models_folder / "tiny.gguf", reply="Mended now.")
        await engine.load("tiny", wait=True)
    assert len(launcher.launched) == 3


async def test_crashes_far_apart_are_forgiven(make_engine: MakeEngine) -> None:
    launcher, clock = ScriptedLauncher(), ManualClock()
    async with make_engine(launcher, clock=clock) as engine:
        for crashes in range(4):
            await engine.load("tiny", wait=True)
            launcher.launched[crashes].crash("the assertion that failed")
            await becomes(engine, ModelState.FAILED)
            clock.advance(POLICY.fault_memory_seconds + 1)
        await engine.load("tiny", wait=True)


async def test_a_broken_model_gives_its_reason_to_all_who_wait_and_is_tried_twice(make_engine: MakeEngine) -> None:
    launcher = ScriptedLauncher([BROKEN, BROKEN])
    launcher.hold()
    async with make_engine(launcher) as engine:
        waiting = [asyncio.create_task(engine.load("tiny", wait=True)) for _ in range(3)]
        await launcher.loading.wait()
        launcher.let_go()
        errors = await asyncio.gather(*waiting, return_exceptions=True)
        assert {(type(error), getattr(error, "code", "")) for error in errors} == {(Invalid, "model_broken")}
        assert "tensor 'a' is missing" in str(errors[0])
        with pytest.raises(Invalid, match="tensor 'a' is missing"):
            await engine.load("tiny", wait=True)
        with pytest.raises(Invalid, match="failed 2 times"):
            await engine.load("tiny", wait=True)
    assert launcher.launched == []


async def test_the_machine_s_failures_are_no_reason_to_give_up_the_file(make_engine: MakeEngine) -> None:
    launcher = ScriptedLauncher([KILLED] * 4)
    async with make_engine(launcher, policy=replace(POLICY, backoff_seconds=0.001)) as engine:
        for _ in range(4):
            with pytest.raises(Unavailable) as caught:
                await engine.load("tiny", wait=True)
            assert caught.value.code == "engine_failed"
            assert caught.value.retry_after_seconds
        await engine.load("tiny", wait=True)


async def test_a_long_back_off_is_told_and_not_waited_for(make_engine: MakeEngine) -> None:
    launcher, clock = ScriptedLauncher([KILLED]), ManualClock()
    async with make_engine(launcher, clock=clock, policy=replace(POLICY, backoff_seconds=30)) as engine:
        for _ in range(2):
            with pytest.raises(Unavailable) as caught:
                await engine.load("tiny", wait=True)
            assert caught.value.retry_after_seconds == 30
        clock.advance(30)
        await engine.load("tiny", wait=True)


async def test_unloading_what_is_in_use_needs_force(make_engine: MakeEngine) -> None:
    async with make_engine(ScriptedLauncher()) as engine:

        async def cut_off() -> None:
            async with engine.lease("tiny", user="anna"):
                with pytest.raises(Conflict) as in_use:
                    await engine.unload("tiny")
                assert in_use.value.code == "model_in_use"
                assert (await engine.unload("tiny", force=True)).state is ModelState.UNLOADED
                raise UpstreamFailed("The connection broke.", code="stream_cut")

        with pytest.raises(Unavailable) as stopped:
            await cut_off()
    assert stopped.value.code == "engine_stopped"


async def test_unloading_what_is_not_loaded_is_no_error(make_engine: MakeEngine) -> None:
    async with make_engine(ScriptedLauncher()) as engine:
        assert (await engine.unload("tiny")).state is ModelState.UNLOADED


async def test_a_load_that_nobody_waits_for_happens_too(make_engine: MakeEngine) -> None:
    async with make_engine(ScriptedLauncher()) as engine:
        await engine.load("tiny", wait=False)
        await becomes(engine, ModelState.READY)


async def test_closing_ends_processes_and_waits(make_engine: MakeEngine) -> None:
    launcher = ScriptedLauncher()
    async with make_engine(launcher) as engine:
        await engine.load("tiny", wait=True)
        launcher.hold()
        launcher.launched[0].crash("gone")
        waiting = asyncio.create_task(engine.load("tiny", wait=True))
        await becomes(engine, ModelState.LOADING)
    with pytest.raises(HearthsideError) as caught:
        await waiting
    assert caught.value.code == "engine_stopped"


async def test_more_requests_than_slots_wait_their_turn(make_engine: MakeEngine) -> None:
    policy = replace(POLICY, slots=1, queue_limit=1)
    async with make_engine(ScriptedLauncher(), policy=policy) as engine:
        async with engine.lease("tiny", user="anna"):
            waiting = asyncio.create_task(_visit(engine))
            await asyncio.sleep(0)
            while not (await engine.status("tiny")).waiting:
                await asyncio.sleep(0)
            with pytest.raises(Unavailable) as caught:
                await _visit(engine)
            assert caught.value.code == "engine_busy"
        await waiting


async def _visit(engine: LocalEngine) -> None:
    async with engine.lease("tiny", user="bert"):
        pass
