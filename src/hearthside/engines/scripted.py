"""Model processes that are none: what the tests of everything above a process run on."""

import asyncio
from collections.abc import Iterable

from hearthside.engines.model import EngineAddress, LoadFailed, LoadPlan
from hearthside.kit.secret import Secret


class ScriptedProcess:
    """Runs until it is stopped, or until the test lets it crash."""

    def __init__(self, plan: LoadPlan, *, pid: int) -> None:
        self.plan = plan
        self.pid = pid
        self.address = EngineAddress(f"/{plan.model.id}.sock", Secret("key"), "http://localhost", plan.context_tokens)
        self.exited: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._last_words = ""

    def memory_bytes(self) -> int:
        return self.plan.memory_bytes

    def last_words(self) -> str:
        return self._last_words

    def crash(self, last_words: str, *, exit_code: int = -6) -> None:
        self._last_words = last_words
        self.exited.set_result(exit_code)

    async def stop(self) -> None:
        if not self.exited.done():
            self.exited.set_result(0)


class ScriptedLauncher:
    """Fails as often as it is given failures, then launches.

    A load waits while `hold` is set; `loading` is set once one has begun. `launched` holds all processes there were.
    """

    def __init__(self, failures: Iterable[LoadFailed] = ()) -> None:
        self._failures = list(failures)
        self._open = asyncio.Event()
        self._open.set()
        self.loading = asyncio.Event()
        self.launched: list[ScriptedProcess] = []

    def hold(self) -> None:
        self._open.clear()

    def let_go(self) -> None:
        self._open.set()

    async def launch(self, plan: LoadPlan) -> ScriptedProcess:
        self.loading.set()
        await self._open.wait()
        if self._failures:
            raise self._failures.pop(0)
        process = ScriptedProcess(plan, pid=len(self.launched) + 1)
        self.launched.append(process)
        return process

    def close(self) -> None:
        pass
