"""Real model processes: that they come up, say why they do not, and never stay behind."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from hearthside.engines.library import LocalLibrary
from hearthside.engines.memory import plan_load
from hearthside.engines.model import LoadFailed, LoadPlan
from hearthside.engines.process import ProcessLauncher
from tests.engines.bad_gguf import broken_models
from tests.engines.children import model_processes
from tests.engines.conftest import POLICY

PARENT = """
import asyncio, sys
from pathlib import Path
from hearthside.engines.library import LocalLibrary
from hearthside.engines.memory import plan_load
from hearthside.engines.policy import EnginePolicy
from hearthside.engines.process import ProcessLauncher

async def main(models, run):
    plan = plan_load(LocalLibrary(Path(models), None).find("tiny"), EnginePolicy(memory_bytes=10**9))
    process = await ProcessLauncher(Path(run), load_seconds=60).launch(plan)
    print(process.pid, flush=True)
    await asyncio.sleep(600)

if sys.argv[3] == "uvloop":
    import uvloop
    uvloop.run(main(*sys.argv[1:3]))
else:
    asyncio.run(main(*sys.argv[1:3]))
"""


@pytest.fixture
def plan(models_folder: Path) -> LoadPlan:
    return plan_load(LocalLibrary(models_folder, None).find("tiny"), POLICY)


@pytest.fixture
def launcher(tmp_path: Path) -> ProcessLauncher:
    return ProcessLauncher(tmp_path / "run", load_seconds=60)


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{pid}/stat")
    return not state.exists() or state.read_text().rpartition(")")[2].split()[0] != "Z"


async def test_a_process_comes_up_and_goes(plan: LoadPlan, launcher: ProcessLauncher) -> None:
    process = await launcher.launch(plan)
    unix_socket = Path(process.address.unix_socket)
    assert unix_socket.is_socket()
    assert unix_socket.parent.stat().st_mode & 0o777 == 0o700
    assert process.memory_bytes() > 10_000_000
    await process.stop()
    assert not is_alive(process.pid)
    assert not unix_socket.exists()


async def test_a_process_gets_no_secret_of_ours(plan: LoadPlan, launcher: ProcessLauncher) -> None:
    process = await launcher.launch(plan)
    environment = Path(f"/proc/{process.pid}/environ").read_bytes().split(b"\0")
    arguments = Path(f"/proc/{process.pid}/cmdline").read_bytes()
    await process.stop()
    assert {line.partition(b"=")[0] for line in environment if line} <= {b"GGML_NO_BACKTRACE", b"PATH", b"LANG"}
    assert process.address.api_key.reveal().encode() not in arguments


async def test_a_deep_folder_gets_its_sockets_in_a_private_one(plan: LoadPlan, tmp_path: Path) -> None:
    launcher = ProcessLauncher(tmp_path / ("deep" * 40), load_seconds=60)
    process = await launcher.launch(plan)
    folder = Path(process.address.unix_socket).parent
    assert len(process.address.unix_socket) < 100
    assert folder.stat().st_mode & 0o777 == 0o700
    await process.stop()
    launcher.close()
    assert not folder.exists()


async def test_sockets_of_a_server_that_lost_its_power_are_cleared_away(
    plan: LoadPlan, launcher: ProcessLauncher, tmp_path: Path
) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "00000000.sock").touch()
    process = await launcher.launch(plan)
    await process.stop()
    assert list((tmp_path / "run").iterdir()) == []


async def test_a_model_that_llama_cpp_refuses_gives_its_reason(
    plan: LoadPlan, launcher: ProcessLauncher, models_folder: Path, tmp_path: Path
) -> None:
    tiny = models_folder / "tiny.gguf"
    tiny.write_bytes(dict(broken_models(tiny.read_bytes()))["rope_13"])
    with pytest.raises(LoadFailed) as caught:
        await launcher.launch(plan)
    assert (caught.value.reason, caught.value.broken) == ("invalid n_rot: 13, expected 32", True)
    assert list((tmp_path / "run").iterdir()) == []


async def test_a_model_that_makes_llama_cpp_abort_gives_its_reason(
    plan: LoadPlan, launcher: ProcessLauncher, models_folder: Path
) -> None:
    tiny = models_folder / "tiny.gguf"
    tiny.write_bytes(dict(broken_models(tiny.read_bytes()))["layers_1000"])
    with pytest.raises(LoadFailed, match=r"this does not hold: hparams\.n_layer_all > 0") as caught:
        await launcher.launch(plan)
    assert caught.value.exit_code == -signal.SIGABRT


async def test_a_folder_that_cannot_be_used_is_the_machine_s_fault(plan: LoadPlan, tmp_path: Path) -> None:
    (tmp_path / "run").write_text("a file where the folder should be")
    with pytest.raises(LoadFailed, match="no process could be started") as caught:
        await ProcessLauncher(tmp_path / "run", load_seconds=60).launch(plan)
    assert not caught.value.broken


async def test_a_model_that_takes_too_long_is_ended(plan: LoadPlan, tmp_path: Path) -> None:
    with pytest.raises(LoadFailed, match="not ready within") as caught:
        await ProcessLauncher(tmp_path / "run", load_seconds=0.001).launch(plan)
    assert not caught.value.broken


async def test_a_cancelled_launch_leaves_no_process(plan: LoadPlan, launcher: ProcessLauncher, tmp_path: Path) -> None:
    task = asyncio.create_task(launcher.launch(plan))
    async with asyncio.timeout(10):
        while not (pids := model_processes()):
            await asyncio.sleep(0.001)
    task.cancel()
    await asyncio.wait({task})
    assert not any(is_alive(pid) for pid in pids)


async def test_a_crash_is_seen(plan: LoadPlan, launcher: ProcessLauncher) -> None:
    process = await launcher.launch(plan)
    os.kill(process.pid, signal.SIGSEGV)
    assert await process.exited == -signal.SIGSEGV
    assert process.last_words() == "its process was ended by the signal 11"
    await process.stop()


@pytest.mark.faults
@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_no_process_outlives_a_parent_that_is_killed(models_folder: Path, tmp_path: Path, loop: str) -> None:
    arguments = [sys.executable, "-c", PARENT, str(models_folder), str(tmp_path / "run"), loop]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert is_alive(pid)
        parent.kill()
    assert gone_within(pid, seconds=5)
    assert list((tmp_path / "run").iterdir()) == []


@pytest.mark.faults
def test_a_process_whose_parent_dies_ends_even_while_it_loads(plan: LoadPlan, tmp_path: Path) -> None:
    """llama.cpp holds the interpreter lock while it loads; here it stops for ever on the way, at a pipe for a file."""
    pipe = tmp_path / "never.gguf"
    os.mkfifo(pipe)
    configuration = {
        "model_id": "tiny",
        "path": str(pipe),
        "unix_socket": str(tmp_path / "x.sock"),
        "api_key": "key",
        "pool_tokens": 512,
        "slots": 1,
        "threads": 1,
    }
    child = subprocess.Popen([sys.executable, "-I", "-m", "hearthside.engines.child"], stdin=subprocess.PIPE)
    assert child.stdin is not None
    child.stdin.write(json.dumps(configuration).encode() + b"\n")
    child.stdin.flush()
    writer = os.open(pipe, os.O_WRONLY)  # waits until llama.cpp has opened the other end
    child.stdin.close()
    assert child.wait(timeout=5) == -signal.SIGIO
    os.close(writer)


def gone_within(pid: int, *, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while is_alive(pid):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True
