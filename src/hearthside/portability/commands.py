"""`hearthside account`: a person's account into a file and out of one, from the machine itself."""

import asyncio
import os
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO, NoReturn, TypeVar

import typer

from hearthside.kit.actor import Actor
from hearthside.kit.errors import HearthsideError
from hearthside.portability.model import ImportReport, Tally
from hearthside.portability.service import Portability

if TYPE_CHECKING:
    from rich.progress import Progress

T = TypeVar("T")

_SHOWN_PROBLEMS = 20


@dataclass(frozen=True, slots=True)
class Desk:
    """What the commands work with. `actor_of` finds a person by user name or e-mail address. Errors: NotFound."""

    portability: Portability
    actor_of: Callable[[str], Awaitable[Actor]]


OpenPortability = Callable[[], AbstractAsyncContextManager[Desk]]
User = Annotated[str, typer.Argument(help="The user name or the e-mail address.")]


def make_commands(open_portability: OpenPortability) -> typer.Typer:
    """The sub-commands, over whatever opens the accounts."""
    commands = typer.Typer(name="account", help="A person's account as one file.", no_args_is_help=True)

    def run(act: Callable[[Desk], Coroutine[Any, Any, T]]) -> T:
        return asyncio.run(_run(open_portability, act))

    @commands.command("export")
    def export(  # pyright: ignore[reportUnusedFunction] - typer holds it
        user: User,
        file: Annotated[Path, typer.Argument(help="The zip to write.", dir_okay=False)],
        force: Annotated[bool, typer.Option("--force", help="Replace the file if it is there.")] = False,
    ) -> None:
        """Write everything in an account into one zip."""
        if file.exists() and not force:
            _fail(f"{file} is there already; --force replaces it.")
        size = run(lambda desk: _export(desk, user, file))
        typer.echo(f"Wrote {file} ({size:,} bytes).")

    @commands.command("import")
    def import_(  # pyright: ignore[reportUnusedFunction] - typer holds it
        user: User,
        file: Annotated[Path, typer.Argument(help="A zip of Hearthside's, ChatGPT's or Claude's.", dir_okay=False)],
    ) -> None:
        """Add what is in an export to an account; what is there already stays as it is."""
        if not file.is_file():
            _fail(f"There is no file {file}.")
        _tell(run(lambda desk: _import(desk, user, file)))

    return commands


async def _run(open_portability: OpenPortability, act: Callable[[Desk], Coroutine[Any, Any, T]]) -> T:
    try:
        async with open_portability() as desk:
            return await act(desk)
    except HearthsideError as error:
        _fail(error.message, error)


async def _export(desk: Desk, user: str, file: Path) -> int:
    """Written beside the file and moved there when it is whole: nobody ever finds half an export."""
    actor = await desk.actor_of(user)
    unfinished = file.with_name(f".{file.name}.{os.getpid()}.part")
    try:
        with _progress() as progress, _private(unfinished) as out:
            task = progress.add_task("Exporting", total=None)
            async for piece in desk.portability.export(actor):
                out.write(piece)
                progress.update(task, advance=len(piece))
            out.flush()
            os.fsync(out.fileno())
            size = out.tell()
        unfinished.replace(file)
    finally:
        unfinished.unlink(missing_ok=True)
    return size


def _private(path: Path) -> BinaryIO:
    """A new file that only its owner can read."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")


async def _import(desk: Desk, user: str, file: Path) -> ImportReport:
    actor = await desk.actor_of(user)
    with _progress() as progress, file.open("rb") as source:
        task = progress.add_task("Importing", total=file.stat().st_size)  # noqa: ASYNC240 - nothing else runs here

        def watch(tally: Tally) -> None:
            done = tally.conversations + tally.grown + tally.skipped
            progress.update(task, completed=source.tell(), description=f"Importing ({done:,} conversations)")

        return await desk.portability.import_(actor, source, watch=watch)


def _progress() -> "Progress":
    # Imported late, so that the other commands start without it.
    from rich.console import Console  # noqa: PLC0415
    from rich.progress import BarColumn, DownloadColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn  # noqa: PLC0415

    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        transient=True,
    )


def _tell(report: ImportReport) -> None:
    typer.echo(
        f"Imported {report.conversations:,} conversations with {report.messages:,} messages"
        f" ({report.grown:,} had grown, {report.skipped:,} were here already or empty)."
    )
    for problem in report.problems[:_SHOWN_PROBLEMS]:
        typer.secho(f"not imported: {problem}", err=True, fg=typer.colors.YELLOW)
    if len(report.problems) > _SHOWN_PROBLEMS:
        typer.echo(f"… and {len(report.problems) - _SHOWN_PROBLEMS} more.", err=True)


def _fail(message: str, error: Exception | None = None) -> NoReturn:
    typer.secho(f"hearthside: {message}", err=True, fg=typer.colors.RED)
    raise typer.Exit(1) from error
