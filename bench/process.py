"""What the operating system says about a running server: its CPU time and its memory."""

import os
from dataclasses import dataclass
from pathlib import Path

MEBIBYTE = 1024 * 1024


@dataclass(frozen=True)
class Usage:
    """CPU seconds since the process began (user and system), and the memory it holds now."""

    cpu_seconds: float
    resident_bytes: int


def usage(pid: int) -> Usage:
    """Read from /proc, so on Linux alone. CPU time counts in ticks of 10 ms."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    ticks = int(fields[11]) + int(fields[12])
    resident_pages = int(fields[21])
    return Usage(ticks / os.sysconf("SC_CLK_TCK"), resident_pages * os.sysconf("SC_PAGE_SIZE"))
