"""The model processes that this test process has started, as the kernel lists them."""

import os
from pathlib import Path


def model_processes() -> list[int]:
    """Their pids. The test session has other children, which are none of these tests' business."""
    pids = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    return [int(pid) for pid in pids if b"hearthside.engines.child" in _command_line(pid)]


def _command_line(pid: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""
