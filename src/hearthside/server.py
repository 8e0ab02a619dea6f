"""The serving process: one uvicorn server that lets running replies finish before it stops."""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager

import uvicorn
from starlette.types import ASGIApp
from uvicorn.server import HANDLED_SIGNALS

# After the replies have been drained, connections that still do not close are cut after this long.
LAST_SECONDS = 5

# A peer that acknowledges nothing for so long is gone. Without it the kernel keeps the socket, and megabytes that were
# meant for it, for a quarter of an hour after we have closed it.
PEER_GONE_MILLISECONDS = 30_000


class Server(uvicorn.Server):
    """uvicorn's server, but draining comes first.

    uvicorn waits for open connections before it ends the application's lifespan; a streamed reply would hold it for
    ever. So on the first SIGTERM or SIGINT `drain` runs while the server still answers (not ready, but alive); then
    the connections are closed as uvicorn does it. A second SIGINT ends at once.
    """

    def __init__(self, config: uvicorn.Config, drain: Callable[[], Awaitable[None]]) -> None:
        super().__init__(config)
        self._drain = drain

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        """As uvicorn's, but the signal is not raised again afterwards: it would end the process with all still open."""
        loop = asyncio.get_running_loop()
        for number in HANDLED_SIGNALS:
            loop.add_signal_handler(number, self.handle_exit, number, None)
        try:
            yield
        finally:
            for number in HANDLED_SIGNALS:
                loop.remove_signal_handler(number)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        draining = asyncio.ensure_future(self._drain())
        while not draining.done() and not self.force_exit:
            await asyncio.wait({draining}, timeout=0.1)
        draining.cancel()
        await asyncio.gather(draining, return_exceptions=True)
        await super().shutdown(sockets)


def build(app: ASGIApp, drain: Callable[[], Awaitable[None]]) -> Server:
    """A server for `app`. Requests are logged by the application, not by uvicorn."""
    config = uvicorn.Config(
        app,
        loop="uvloop",
        http="httptools",
        ws="none",
        lifespan="off",
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=False,  # dialects/edge.py believes trusted proxies alone
        timeout_graceful_shutdown=LAST_SECONDS,
        timeout_keep_alive=75,
    )
    return Server(config, drain)


def listen(host: str, port: int) -> socket.socket:
    """A bound socket; port 0 takes a free one. Errors: OSError, in words, when the address cannot be had."""
    family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    listener = socket.socket(family, kind)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if hasattr(socket, "TCP_USER_TIMEOUT"):  # Linux; accepted connections inherit it
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, PEER_GONE_MILLISECONDS)
    try:
        listener.bind(address)
    except OSError as error:
        listener.close()
        raise OSError(error.errno, f"cannot listen on {host}:{port}: {error.strerror}") from error
    return listener
