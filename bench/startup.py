"""How long the server takes to be ready, what it costs then, and what it must not have loaded."""

import http.client
import os
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.process import Usage, usage
from tests.live import free_port

STARTS = 5
GIVE_UP_SECONDS = 30
IDLE_SECONDS = 2

# Each costs more than 50 ms or 4 MB, and a server that only answers /ready has no use for it.
MUST_WAIT = (
    "aiohttp", "alembic", "anthropic", "asyncpg", "cryptography", "dbos", "genai_prices", "huggingface_hub", "joserfc",
    "numpy", "openai", "redis", "structlog", "torch", "trimesh", "xllamacpp",
)  # fmt: skip


@dataclass(frozen=True)
class Start:
    """One start: seconds from the process's begin to the first 200 of /ready, and what it had used by then."""

    ready_seconds: float
    ready: Usage


@dataclass(frozen=True)
class Startup:
    first: Start
    later: list[Start]
    idle: Usage
    loaded_early: list[str]

    @property
    def median(self) -> Start:
        return sorted(self.later, key=lambda start: start.ready_seconds)[len(self.later) // 2]

    @property
    def cpu_seconds(self) -> float:
        return statistics.median(start.ready.cpu_seconds for start in self.later)


def measure(folder: Path) -> Startup:
    """Starts the server once on an empty data folder, then again and again on what the first start made."""
    with _started(folder) as (_, first):
        pass
    later = []
    for _ in range(STARTS):
        with _started(folder) as (process, start):
            later.append(start)
            if len(later) == STARTS:
                time.sleep(IDLE_SECONDS)
                idle = usage(process.pid)
    return Startup(first, later, idle, _loaded_early(folder))


@contextmanager
def _started(folder: Path, *python_options: str) -> Iterator[tuple[subprocess.Popen[bytes], Start]]:
    port = free_port()
    program = [str(Path(sys.executable).with_name("hearthside"))]
    command = [*([sys.executable, *python_options] if python_options else []), *program, "serve"]
    with (folder / "server.log").open("wb") as log:
        began = time.perf_counter()
        process = subprocess.Popen(command, env=_environment(folder, port), stdout=log, stderr=log, cwd=folder)
    try:
        _wait_for_ready(process, port, folder)
        yield process, Start(time.perf_counter() - began, usage(process.pid))
    finally:
        process.terminate()
        process.wait(timeout=GIVE_UP_SECONDS)


def _environment(folder: Path, port: int) -> dict[str, str]:
    """No provider and no local server to be looked for: the start alone."""
    return {
        "PATH": os.environ["PATH"],
        "HEARTHSIDE_DATA_DIR": str(folder / "data"),
        "HEARTHSIDE_PORT": str(port),
        "HEARTHSIDE_OLLAMA_URL": "",
        "HEARTHSIDE_LMSTUDIO_URL": "",
    }


def _wait_for_ready(process: subprocess.Popen[bytes], port: int, folder: Path) -> None:
    deadline = time.monotonic() + GIVE_UP_SECONDS
    while not _is_ready(port):
        if process.poll() is not None or time.monotonic() > deadline:
            raise SystemExit(f"the server did not get ready:\n{(folder / 'server.log').read_text()}")
        time.sleep(0.005)


def _is_ready(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/ready")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def _loaded_early(folder: Path) -> list[str]:
    """The packages of MUST_WAIT that a server has loaded by the time it is ready, by Python's own record of imports."""
    with _started(folder, "-X", "importtime"):
        pass
    record = (folder / "server.log").read_text(errors="replace")
    loaded = {name.partition(".")[0] for name in re.findall(r"^import time:.*\|\s+(\S+)$", record, re.MULTILINE)}
    return sorted(loaded.intersection(MUST_WAIT))
