"""`python -m bench [startup | streams]`: measures, prints, and writes nothing. Without a name: everything."""

import argparse
import asyncio
import platform
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench import startup, streams
from bench.process import MEBIBYTE


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("what", nargs="?", choices=["all", "startup", "streams"], default="all", help="default: all")
    parser.add_argument("--streams", type=int, default=40, help="streams at once (default 40)")
    parser.add_argument("--tokens", type=int, default=300, help="tokens of each reply (default 300)")
    parser.add_argument("--pace", type=float, default=30, help="tokens a second of each reply (default 30)")
    arguments = parser.parse_args()
    console = Console()
    if sys.platform != "linux":
        console.print("These benchmarks read /proc, which only Linux has.")
        return 1
    console.print(f"Python {platform.python_version()}, {platform.machine()}, {_cores()} cores")
    healthy = True
    with tempfile.TemporaryDirectory(prefix="hearthside-bench-") as folder:
        if arguments.what in ("all", "startup"):
            healthy &= _print_startup(console, startup.measure(_made(folder, "startup")))
        if arguments.what in ("all", "streams"):
            load = streams.Load(arguments.streams, arguments.tokens, arguments.pace)
            healthy &= _print_streams(console, asyncio.run(streams.measure(_made(folder, "streams"), load)))
    return 0 if healthy else 1


def _made(folder: str, name: str) -> Path:
    path = Path(folder) / name
    (path / "data").mkdir(parents=True)
    return path


def _cores() -> int:
    return sum(line.startswith("processor") for line in Path("/proc/cpuinfo").read_text().splitlines())


def _print_startup(console: Console, result: startup.Startup) -> bool:
    table = Table("", "measured", "goal", title="Start-up", title_justify="left")
    ready = [f"{start.ready_seconds:.2f}" for start in result.later]
    table.add_row("first start, empty data folder", f"{result.first.ready_seconds:.2f} s", "")
    table.add_row(
        f"ready, median of {len(ready)} ({', '.join(ready)})", f"{result.median.ready_seconds:.2f} s", "1.0 s"
    )
    table.add_row("CPU until ready, median", f"{result.cpu_seconds:.2f} s", "")
    table.add_row("memory when idle", f"{result.idle.resident_bytes / MEBIBYTE:.0f} MiB", "100 MB")
    table.add_row("heavy packages loaded by then", ", ".join(result.loaded_early) or "none", "none")
    console.print(table)
    return not result.loaded_early


def _print_streams(console: Console, result: streams.Streams) -> bool:
    load, count = result.load, len(result.replies)
    title = f"{load.streams} replies at once, {load.tokens} tokens each at {load.tokens_per_second:g} a second"
    table = Table("", "measured", title=title, title_justify="left")
    table.add_row("replies exact to the letter", f"{result.exact} of {count}")
    table.add_row("server CPU", f"{result.cpu_seconds:.2f} s")
    table.add_row("… per reply", f"{result.cpu_seconds / count * 1000:.1f} ms")
    table.add_row("… per 1,000 tokens", f"{result.cpu_seconds / count / load.tokens * 1e6:.1f} ms")
    table.add_row(
        "first text, p50 and p99", f"{result.first_delta(50) * 1000:.0f}, {result.first_delta(99) * 1000:.0f} ms"
    )
    slowest = max(reply.total_seconds for reply in result.replies)
    table.add_row("slowest reply (the upstream alone takes)", f"{slowest:.2f} s ({load.ideal_seconds:.2f} s)")
    table.add_row("deltas a reply", f"{sum(reply.deltas for reply in result.replies) / count:.0f}")
    table.add_row("server memory afterwards", f"{result.after.resident_bytes / MEBIBYTE:.0f} MiB")
    console.print(table)
    return result.exact == count


sys.exit(main())
