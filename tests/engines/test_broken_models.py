"""The whole set of broken model files, each asked for as a person would, on real processes."""

import pytest

from hearthside.engines.model import ModelState
from hearthside.kit.errors import Invalid
from tests.engines.bad_gguf import broken_models
from tests.engines.conftest import MakeEngine


@pytest.mark.faults
@pytest.mark.timeout(300)
async def test_every_broken_model_gives_its_reason_and_the_server_lives_on(
    models_folder, make_engine: MakeEngine
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


async def _reason(engine, name: str) -> str | None:
    try:
        await engine.load(name, wait=True)
    except Invalid as error:
        assert error.code in ("model_broken", "model_too_large")
        status = await engine.status(name)
        assert status.state is ModelState.FAILED
        assert status.failure is not None
        return error.message
    await engine.unload(name)
    return None
