"""`hearthside admin rotate-keys`: from the machine itself, beside a running server."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

import typer

from hearthside.kit.errors import HearthsideError
from hearthside.providers.rotation import KeyRotation

OpenRotation = Callable[[], AbstractAsyncContextManager[KeyRotation]]


def make_commands(open_rotation: OpenRotation) -> typer.Typer:
    """The sub-commands, to be added to `hearthside admin`."""
    commands = typer.Typer()

    @commands.command("rotate-keys")
    def rotate_keys() -> None:  # pyright: ignore[reportUnusedFunction] - typer holds it
        """Make a new master key and encrypt the stored provider keys with it. Broken off, it goes on when run again."""
        renewed, is_previous_set = asyncio.run(_rotate(open_rotation))
        typer.echo(f"The stored provider keys are encrypted with the new master key; {renewed} were changed.")
        if is_previous_set:
            typer.echo("Now remove HEARTHSIDE_PREVIOUS_MASTER_KEY, and restart the servers.")
        else:
            typer.echo("Restart the server: access tokens are signed with the old key until then, and end with it.")

    return commands


async def _rotate(open_rotation: OpenRotation) -> tuple[int, bool]:
    try:
        async with open_rotation() as rotation:
            return await rotation.run(), rotation.is_previous_set
    except (HearthsideError, ValueError, OSError) as error:
        typer.secho(f"hearthside: {error}", err=True, fg=typer.colors.RED)
        raise typer.Exit(1) from error
