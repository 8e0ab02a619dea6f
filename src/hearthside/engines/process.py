"""Model processes: spawning them, hearing their report, and making sure that none is ever left behind.

A child gets an empty environment but for what it needs, its own session (so that Ctrl-C in a terminal lets replies
finish), a private folder with its unix socket, and an API key. Closing its standard input ends it; so does the death of
this process, however sudden, since the kernel closes it then.
"""

import asyncio
import json
import logging
import os
import secrets
import shutil
import socket
import sys
import tempfile
from asyncio.subprocess import PIPE, Process
from contextlib import suppress
from pathlib import Path
from typing import Any

from hearthside.engines import machine, reasons
from hearthside.engines.model import EngineAddress, LoadFailed, LoadPlan
from hearthside.kit.ids import new_secret
from hearthside.kit.secret import Secret

logger = logging.getLogger(__name__)

# sun_path holds 108 bytes on Linux and 104 on macOS.
_MAX_SOCKET_PATH_BYTES = 100
_GRACE_SECONDS = 2.0
_STDERR_BYTES = 16 * 1024
_BASE_URL = "http://localhost"


class ProcessLauncher:
    """Spawns children with their sockets in `run_dir`, or in a private temporary folder if its path is too long."""

    def __init__(self, run_dir: Path, *, load_seconds: float) -> None:
        self._run_dir = run_dir
        self._load_seconds = load_seconds
        self._socket_dir: Path | None = None

    async def launch(self, plan: LoadPlan) -> "ModelProcess":
        child = await self._spawned(plan)
        try:
            async with asyncio.timeout(self._load_seconds):
                await child.bring_up(plan)
        except TimeoutError:
            reason = f"it was not ready within {self._load_seconds:.0f} seconds"
            raise LoadFailed(reason, exit_code=None, broken=False) from None
        finally:
            if not child.ready:
                await child.stop()
        return child

    async def _spawned(self, plan: LoadPlan) -> "ModelProcess":
        try:
            # Not in a thread: two first launches at once must not make two folders.
            folder = self._socket_dir = self._socket_dir or _socket_dir(self._run_dir)
            unix_socket = str(folder / f"{secrets.token_hex(4)}.sock")
            address = EngineAddress(unix_socket, Secret(new_secret()), _BASE_URL, plan.context_tokens)
            return await ModelProcess.spawn(address, cwd=folder)
        except OSError as error:
            reason = f"no process could be started ({error.strerror})"
            raise LoadFailed(reason, exit_code=None, broken=False) from error

    def close(self) -> None:
        """Removes the temporary folder, if there is one."""
        if self._socket_dir is not None and self._socket_dir != self._run_dir:
            shutil.rmtree(self._socket_dir, ignore_errors=True)
        self._socket_dir = None


class ModelProcess:
    """One child. `exited` is done once it is gone and its last words are read."""

    def __init__(self, process: Process, address: EngineAddress) -> None:
        self._process = process
        self._stderr = b""
        self.address = address
        self.ready = False
        self.exited: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._watch = asyncio.create_task(self._until_exit(), name=f"model process {process.pid}")

    @classmethod
    async def spawn(cls, address: EngineAddress, *, cwd: Path) -> "ModelProcess":
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-I",
            "-m",
            "hearthside.engines.child",
            stdin=PIPE,
            stdout=PIPE,
            stderr=PIPE,
            cwd=cwd,
            env=_environment(),
            start_new_session=True,
        )
        return cls(process, address)

    @property
    def pid(self) -> int:
        return self._process.pid

    def memory_bytes(self) -> int:
        return machine.resident_bytes(self.pid)

    def last_words(self) -> str:
        exit_code = self.exited.result() if self.exited.done() else None
        return reasons.crash_reason(self._lines(), exit_code)

    async def bring_up(self, plan: LoadPlan) -> None:
        """Sends the configuration and waits for the report. Raises LoadFailed."""
        assert self._process.stdin is not None  # noqa: S101 - pipes, by `spawn`
        assert self._process.stdout is not None  # noqa: S101
        with suppress(ConnectionError):  # it is gone already: the missing report will say so
            self._process.stdin.write(json.dumps(_configuration(plan, self.address)).encode() + b"\n")
            await self._process.stdin.drain()
        line = await self._process.stdout.readline()
        report: dict[str, Any] = json.loads(line) if line.endswith(b"\n") else {"event": "ended"}
        if report["event"] != "ready":
            raise await self._load_failure(report.get("reason"))
        self._stderr = b""  # what was said while loading explains no later crash
        self.ready = True

    async def stop(self) -> None:
        assert self._process.stdin is not None  # noqa: S101 - a pipe, by `spawn`
        self._process.stdin.close()
        try:
            async with asyncio.timeout(_GRACE_SECONDS):
                await asyncio.shield(self.exited)
        except TimeoutError:
            logger.warning("a model process did not end when told to; killing it", extra={"pid": self.pid})
        finally:
            # Also on the way out of a cancellation. asyncio leaves a process that is gone alone.
            with suppress(ProcessLookupError):
                self._process.kill()
        await asyncio.shield(self.exited)

    async def _load_failure(self, said: str | None) -> LoadFailed:
        if said is None:
            exit_code = await asyncio.shield(self.exited)
        else:
            await self.stop()
            exit_code = self.exited.result()
        reason = reasons.load_reason(self._lines(), said, exit_code)
        return LoadFailed(reason, exit_code=exit_code, broken=reasons.blames_file(self._lines(), said, exit_code))

    async def _until_exit(self) -> None:
        assert self._process.stderr is not None  # noqa: S101 - a pipe, by `spawn`
        try:
            while chunk := await self._process.stderr.read(4096):
                self._stderr = (self._stderr + chunk)[-_STDERR_BYTES:]
        finally:
            exit_code = await self._process.wait()
            _remove(self.address.unix_socket)
            self.exited.set_result(exit_code)

    def _lines(self) -> list[str]:
        return self._stderr.decode(errors="replace").splitlines()


def _environment() -> dict[str, str]:
    """No secret of this process reaches a child. GGML_NO_BACKTRACE: an abort would start a debugger otherwise."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    return {"GGML_NO_BACKTRACE": "1", **kept}


def _configuration(plan: LoadPlan, address: EngineAddress) -> dict[str, Any]:
    """What `engines/child.py` reads."""
    return {
        "model_id": plan.model.id,
        "path": str(plan.model.path.absolute()),
        "unix_socket": address.unix_socket,
        "api_key": address.api_key.reveal(),
        "pool_tokens": plan.pool_tokens,
        "slots": plan.slots,
        "threads": plan.threads,
    }


def _socket_dir(run_dir: Path) -> Path:
    run_dir = run_dir.absolute()
    run_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    run_dir.chmod(0o700)
    _remove_stale_sockets(run_dir)
    if len(os.fsencode(run_dir / "00000000.sock")) <= _MAX_SOCKET_PATH_BYTES:
        return run_dir
    return Path(tempfile.mkdtemp(prefix="hearthside-"))


def _remove(path: str) -> None:
    with suppress(OSError):
        Path(path).unlink()


def _remove_stale_sockets(folder: Path) -> None:
    """What a machine that lost its power leaves. A socket that answers belongs to another server on the same folder."""
    for path in folder.glob("*.sock"):
        with socket.socket(socket.AF_UNIX) as probe, suppress(OSError):
            if probe.connect_ex(str(path)) != 0:
                path.unlink(missing_ok=True)
