"""The composition root: what core.py constructs, with the doors before it and the process around it.

`create_app` is the whole product as an ASGI application, whose lifespan opens and closes everything; `serve` runs it.
"""

import logging
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

from fastapi import FastAPI

from hearthside import __version__, server
from hearthside.accounts.service import Accounts
from hearthside.core import Core, DataFolderInUseError, open_database
from hearthside.dialects import conversations as conversations_dialect
from hearthside.dialects import front
from hearthside.dialects.edge import Edge, EdgePolicy
from hearthside.dialects.errors import error_table
from hearthside.dialects.late import Door, Installer, LateDoors
from hearthside.dialects.uploads import upload_paths
from hearthside.kit import telemetry
from hearthside.kit.clock import Clock, SystemClock
from hearthside.kit.errors import HearthsideError
from hearthside.migrations import SchemaTooNewError, migrate
from hearthside.settings import PocketLLMDialect, Settings, SignUp

logger = logging.getLogger(__name__)


CannotStart = (OSError, ValueError, HearthsideError, DataFolderInUseError, SchemaTooNewError)
"""What the person who starts the server can mend: its message is for them."""


def create_app(settings: Settings) -> FastAPI:
    """The whole product. `app.state.services` and `app.state.core` are there while its lifespan runs."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncGenerator[None]:
        async with AsyncExitStack() as stack:
            app.state.core = Core(settings, stack)
            app.state.services = await app.state.core.open()
            await announce(settings, app.state.services.accounts)
            yield

    app = FastAPI(
        title="Hearthside",
        version=__version__,
        lifespan=lifespan,
        docs_url=None,  # FastAPI's pages load their scripts from elsewhere
        redoc_url=None,
    )
    install_doors(app, settings, SystemClock())
    return app


def install_doors(app: FastAPI, settings: Settings, clock: Clock) -> None:
    """Every dialect at its paths, the edge before them; those that most houses never use come in late."""
    conversations_dialect.install(app)
    front.install(app)
    policy, errors = EdgePolicy.from_settings(settings), error_table(app)
    app.add_middleware(Edge, policy=policy, errors=errors, clock=clock, uploads=upload_paths(app))
    app.add_middleware(LateDoors, doors=late_doors(settings))


def late_doors(settings: Settings) -> list[Door]:
    """`/v1` is that generation of PocketLLM which the settings name."""
    flat, enveloped = ("/flat/v1",), ("/envelope/v1",)
    if settings.pocketllm_dialect is PocketLLMDialect.FLAT:
        flat = ("/v1", *flat)
    else:
        enveloped = ("/v1", *enveloped)

    def load_flat() -> Installer:
        from hearthside.dialects import pocketllm  # noqa: PLC0415 - late on purpose: dialects/late.py

        return partial(pocketllm.install, prefixes=flat)

    def load_envelope() -> Installer:
        from hearthside.dialects import envelope  # noqa: PLC0415 - as above

        return partial(envelope.install, prefixes=enveloped)

    def load_gotrue() -> Installer:
        from hearthside.dialects import gotrue  # noqa: PLC0415 - as above

        return gotrue.install

    return [
        Door(flat, load_flat),
        Door((*enveloped, "/api/docs"), load_envelope),
        Door(("/auth/v1",), load_gotrue),
    ]


async def announce(settings: Settings, accounts: Accounts) -> None:
    """Tells the person who started the server what they need to know."""
    token = await accounts.prepare_bootstrap()
    if token is not None:
        print(f"First start. This token makes the first admin, once:\n\n    {token}\n", flush=True)  # noqa: T201 - shown on purpose, not logged
    if settings.effective_sign_up is SignUp.OPEN and not (settings.listens_on_loopback_only or settings.supabase_url):
        logger.warning("sign-up is open to everyone who can reach this server; HEARTHSIDE_SIGN_UP=invite closes it")


async def serve(settings: Settings) -> None:
    """Serves until SIGTERM or SIGINT. Errors: those of `CannotStart`."""
    telemetry.configure(settings.log_format, settings.log_level)
    app = create_app(settings)
    with server.listen(settings.host, settings.port) as listener:
        # The lifespan is entered here and not by uvicorn, which would put a failed start into the log as a traceback.
        async with app.router.lifespan_context(app):
            port = listener.getsockname()[1]
            host = "localhost" if settings.listens_on_loopback_only else settings.host
            logger.info("serving", extra={"host": f"http://{host}:{port}", "version": __version__})
            await server.build(app, app.state.core.drain).serve(sockets=[listener])


async def migrate_database(settings: Settings) -> str:
    """Brings the database to this release's schema; its version."""
    async with open_database(settings) as database:
        return await migrate(database)
