"""An engine over the tiny model, with scripted processes or with real ones."""

from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest

from hearthside import builtin
from hearthside.engines.library import LocalLibrary
from hearthside.engines.model import Launcher
from hearthside.engines.policy import EnginePolicy
from hearthside.engines.process import ProcessLauncher
from hearthside.engines.service import LocalEngine
from hearthside.kit.clock import Clock, SystemClock
from tests.engines import tiny_gguf

POLICY = EnginePolicy(memory_bytes=1_000_000_000, backoff_seconds=0.01)

MakeEngine = Callable[..., AbstractAsyncContextManager[LocalEngine]]


@pytest.fixture
def models_folder(tmp_path: Path) -> Path:
    """A folder with one model, `tiny`."""
    folder = tmp_path / "models"
    folder.mkdir()
    tiny_gguf.write(folder / "tiny.gguf")
    return folder


@pytest.fixture
def make_engine(models_folder: Path, tmp_path: Path) -> MakeEngine:
    """A started engine over `models_folder`; with real processes unless a launcher is given."""

    @asynccontextmanager
    async def make(
        launcher: Launcher | None = None,
        *,
        policy: EnginePolicy = POLICY,
        clock: Clock | None = None,
        built_in: builtin.BuiltIn | None = None,
    ) -> AsyncGenerator[LocalEngine]:
        launcher = launcher or ProcessLauncher(tmp_path / "run", load_seconds=60)
        engine = LocalEngine(LocalLibrary(models_folder, built_in), launcher, clock or SystemClock(), policy)
        await engine.start()
        try:
            yield engine
        finally:
            await engine.close()

    return make
