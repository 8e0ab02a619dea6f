"""The command line: serve, migrate, and the sub-commands that the slices bring."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Annotated, NoReturn

import typer
from pydantic import ValidationError

from hearthside import __version__
from hearthside.accounts.commands import make_commands as make_admin_commands
from hearthside.accounts.service import Accounts
from hearthside.engines.commands import make_commands as make_model_commands
from hearthside.portability.commands import Desk
from hearthside.portability.commands import make_commands as make_account_commands
from hearthside.providers.commands import make_commands as make_key_commands
from hearthside.providers.rotation import KeyRotation
from hearthside.settings import Settings

app = typer.Typer(
    name="hearthside",
    help="One self-hosted backend for a household, a lab or a company's AI.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def fail(message: str) -> NoReturn:
    """Ends the program with a message for people and exit status 1."""
    typer.secho(f"hearthside: {message}", err=True, fg=typer.colors.RED)
    raise typer.Exit(1)


def load_settings() -> Settings:
    """The settings, or an end of the program that says which of them is wrong."""
    try:
        return Settings()
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
        fail(f"a setting is wrong: {problems}")


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on; overrides HEARTHSIDE_HOST.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on; overrides HEARTHSIDE_PORT.")] = None,
) -> None:
    """Serve the page and every API."""
    given = {name: value for name, value in (("host", host), ("port", port)) if value is not None}
    settings = load_settings().model_copy(update=given)
    # Imported late, so that the other commands start without the web framework.
    import uvloop  # noqa: PLC0415

    from hearthside.app import CannotStart  # noqa: PLC0415
    from hearthside.app import serve as run  # noqa: PLC0415

    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(run(settings))
    except CannotStart as error:
        fail(str(error))


@app.command()
def migrate() -> None:
    """Bring the database to this release's schema (serve does it too)."""
    from hearthside.app import migrate_database  # noqa: PLC0415 - as above

    version = asyncio.run(migrate_database(load_settings()))
    typer.echo(f"The database has schema {version}.")


@app.command()
def version() -> None:
    """Print the version."""
    typer.echo(__version__)


@asynccontextmanager
async def _accounts() -> AsyncGenerator[Accounts]:
    from hearthside.offline import open_accounts  # noqa: PLC0415 - as above

    async with open_accounts(load_settings()) as accounts:
        yield accounts


@asynccontextmanager
async def _rotation() -> AsyncGenerator[KeyRotation]:
    from hearthside.offline import open_rotation  # noqa: PLC0415 - as above

    async with open_rotation(load_settings()) as rotation:
        yield rotation


@asynccontextmanager
async def _portability() -> AsyncGenerator[Desk]:
    from hearthside.offline import open_portability  # noqa: PLC0415 - as above

    async with open_portability(load_settings()) as desk:
        yield desk


admin = make_admin_commands(_accounts)
admin.add_typer(make_key_commands(_rotation))
app.add_typer(admin, name="admin")
app.add_typer(make_account_commands(_portability), name="account")
app.add_typer(make_model_commands(load_settings), name="models")
