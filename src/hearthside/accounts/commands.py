"""`hearthside admin`: accounts, from the machine itself. Works on the database directly, beside a running server."""

import asyncio
import secrets
import sys
from collections.abc import Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from typing import Annotated, Any, TypeVar

import typer

from hearthside.accounts.operator import Operator
from hearthside.accounts.service import Accounts
from hearthside.kit.actor import Role
from hearthside.kit.errors import HearthsideError

T = TypeVar("T")
OpenAccounts = Callable[[], AbstractAsyncContextManager[Accounts]]

UserName = Annotated[str, typer.Argument(help="The user name.")]
Login = Annotated[str, typer.Argument(help="The user name or the e-mail address.")]
Email = Annotated[str | None, typer.Option(help="An e-mail address to sign in with as well.")]
Admin = Annotated[bool, typer.Option("--admin", help="Make an admin.")]
Hours = Annotated[int, typer.Option(help="The code expires after so many hours.")]
PasswordStdin = Annotated[bool, typer.Option("--password-stdin", help="Read the password from standard input.")]


def make_commands(open_accounts: OpenAccounts) -> typer.Typer:
    """The sub-commands, over whatever opens the accounts."""
    commands = typer.Typer(name="admin", help="Users and invites of this server.", no_args_is_help=True)

    def run(act: Callable[[Operator], Coroutine[Any, Any, T]]) -> T:
        return asyncio.run(_run(open_accounts, act))

    @commands.command("create-user")
    def create_user(  # pyright: ignore[reportUnusedFunction] - typer holds it
        name: UserName, email: Email = None, admin: Admin = False, password_stdin: PasswordStdin = False
    ) -> None:
        """Create a user; without --password-stdin a password is made and printed once."""
        password = _password(from_stdin=password_stdin)
        role = Role.ADMIN if admin else Role.USER
        user = run(lambda operator: operator.create_user(name, email=email, password=password, role=role))
        typer.echo(f"Created {user.username} ({user.role}).")
        _show(password, from_stdin=password_stdin)

    @commands.command("reset-password")
    def reset_password(  # pyright: ignore[reportUnusedFunction] - typer holds it
        name: Login, password_stdin: PasswordStdin = False
    ) -> None:
        """Set a new password and end the user's sessions."""
        password = _password(from_stdin=password_stdin)
        user = run(lambda operator: operator.reset_password(name, password))
        typer.echo(f"The password of {user.username or user.email} is changed; their sessions have ended.")
        _show(password, from_stdin=password_stdin)

    @commands.command("invite")
    def invite(hours: Hours = 24) -> None:  # pyright: ignore[reportUnusedFunction] - typer holds it
        """Print an invite code, with which one person may sign up."""
        code, made = run(lambda operator: operator.create_invite(expires_in_hours=hours))
        typer.echo(code)
        typer.echo(f"For one person, until {made.expires_at:%Y-%m-%d %H:%M} UTC. It is not shown again.", err=True)

    return commands


async def _run(open_accounts: OpenAccounts, act: Callable[[Operator], Coroutine[Any, Any, T]]) -> T:
    try:
        async with open_accounts() as accounts:
            return await act(accounts.operator)
    except HearthsideError as error:
        typer.secho(f"hearthside: {error.message}", err=True, fg=typer.colors.RED)
        raise typer.Exit(1) from error


def _password(*, from_stdin: bool) -> str:
    """From standard input so that it shows neither in the shell's history nor among the processes."""
    return sys.stdin.readline().rstrip("\r\n") if from_stdin else secrets.token_urlsafe(12)


def _show(password: str, *, from_stdin: bool) -> None:
    if not from_stdin:
        typer.echo(f"Password (not shown again): {password}")
