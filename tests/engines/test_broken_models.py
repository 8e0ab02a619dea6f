"""The whole set of broken model files, each asked for as a person would, on real processes."""

from pathlib import Path

import pytest

from hearthside.engines.model import ModelState, ModelStatus
from hearthside.engines.service import LocalEngine
from hearthside.kit.errors import Invalid
from tests.engines.bad_gguf import broken_models
from tests.engines.conftest import MakeEngine


@pytest.mark.faults
@pytest.mark.timeout(300)
async def test_every_broken_model_gives_its_reason_and_the_server_lives_on(
    models_folder: Path, make_engine: MakeEngine
) -> None:
    good = (models_folder / "tiny.gguf").read_bytes()
    names: list[str] = []
    for name, content in broken_models(good):
        (models_folder / f"{name}.gguf").write_bytes(content)
        names.append(name)
    async with make_engine() as engine:
        for name in names:
            reason = await _reason(engine, name)
            assert reason is not None or name.startswith("fuzz"), name
            assert reason is None or str(models_folder) not in reason
        async with engine.lease("tiny", user="anna"):
            assert (await engine.status("tiny")).state is ModelState.READY


async def _reason(engine: LocalEngine, name: str) -> str | None:
    """Why it cannot be loaded; None if it can."""
    status, error = await _loaded(engine, name)
    if error is None:
        await engine.unload(name)
        return None
    assert error.code in ("model_broken", "model_too_large")
    assert status.state is ModelState.FAILED
    assert status.failure is not None
    return error.message


async def _loaded(engine: LocalEngine, name: str) -> tuple[ModelStatus, Invalid | None]:
    try:
        return await engine.load(name, wait=True), None
    except Invalid as error:
        return await engine.status(name), error
