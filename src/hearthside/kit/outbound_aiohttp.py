"""aiohttp under `kit.outbound`: connections to checked addresses only. Imported at the first request, never before."""

import asyncio
import socket
from collections.abc import Mapping
from ipaddress import ip_address

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from hearthside import __version__
from hearthside.kit.addresses import Target, check_addresses
from hearthside.kit.exchange import Cut, TimedOut, Unreachable, Unreadable

_HEADERS = {"User-Agent": f"Hearthside/{__version__}", "Accept-Encoding": "identity"}
_HEADER_BYTES = 64 * 1024


class CheckedResolver(AbstractResolver):
    """Resolves a name once and passes its addresses on only if every one of them may be reached."""

    def __init__(self, *, trusted: bool) -> None:
        self._trusted = trusted

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM, family=family)
        numbers = [str(address[0]) for *_, address in found]
        check_addresses((ip_address(number) for number in numbers), trusted=self._trusted)
        return [
            ResolveResult(
                hostname=host, host=number, port=port, family=entry[0], proto=entry[2], flags=socket.AI_NUMERICHOST
            )
            for number, entry in zip(numbers, found, strict=True)
        ]

    async def close(self) -> None:
        """Nothing is held."""


class AiohttpTransport:
    """One pool of connections for trusted destinations and one for users': a pooled connection is never shared across
    the two, or a user's request could ride on one to a private address."""

    def __init__(self) -> None:
        self._sessions: dict[bool, aiohttp.ClientSession] = {}

    def exchange(
        self, target: Target, *, trusted: bool, unix_socket: str | None, connect_seconds: float
    ) -> "AiohttpExchange":
        if unix_socket is not None:
            return AiohttpExchange(
                _session(aiohttp.UnixConnector(unix_socket)), target, connect_seconds, owns_session=True
            )
        session = self._sessions.get(trusted)
        if session is None:
            session = self._sessions[trusted] = _session(_tcp_connector(trusted=trusted))
        return AiohttpExchange(session, target, connect_seconds, owns_session=False)

    async def close(self) -> None:
        for session in self._sessions.values():
            await session.close()
        self._sessions.clear()


class AiohttpExchange:
    """One request and its answer. A model process's socket gets a session of its own, so that nothing outlives it."""

    def __init__(
        self, session: aiohttp.ClientSession, target: Target, connect_seconds: float, *, owns_session: bool
    ) -> None:
        self._session = session
        self._target = target
        self._timeout = aiohttp.ClientTimeout(total=None, connect=connect_seconds)
        self._owns_session = owns_session
        self._response: aiohttp.ClientResponse | None = None

    async def send(self, method: str, headers: Mapping[str, str], body: bytes | None) -> tuple[int, Mapping[str, str]]:
        """The request, up to the head of the answer. Raises Unreachable, TimedOut, Unreadable, AddressRefused."""
        try:
            self._response = response = await self._session.request(
                method, _url(self._target), headers=headers, data=body, allow_redirects=False, timeout=self._timeout
            )
        except aiohttp.ConnectionTimeoutError:
            raise TimedOut("The connection was not made in time.") from None
        except aiohttp.ClientResponseError as error:
            raise Unreadable("The answer is not HTTP.") from error
        except (aiohttp.ClientError, OSError) as error:
            if isinstance(error, TimeoutError):
                raise
            raise Unreachable("No connection could be made.") from error
        if response.headers.get("Content-Encoding", "identity").lower() != "identity":
            raise Unreadable("The answer is compressed although that was not asked for.")
        return response.status, response.headers

    async def next_chunk(self) -> bytes:
        if self._response is None:
            raise RuntimeError("the body was read before the request was sent")
        try:
            return await self._response.content.readany()
        except (aiohttp.ClientError, OSError) as error:
            if isinstance(error, TimeoutError):
                raise
            raise Cut("The connection broke in the middle of the answer.") from error

    async def close(self) -> None:
        """Closes the connection, or gives it back to the pool if the answer was read to its end."""
        if self._response is not None:
            self._response.close()
        if self._owns_session:
            await self._session.close()


def _session(connector: aiohttp.BaseConnector) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        headers=_HEADERS,
        trust_env=False,
        auto_decompress=False,
        max_line_size=_HEADER_BYTES,
        max_field_size=_HEADER_BYTES,
    )


def _tcp_connector(*, trusted: bool) -> aiohttp.TCPConnector:
    # No limit here: the limits on streams are the callers', and a queue inside the client would spend the connect time.
    return aiohttp.TCPConnector(resolver=CheckedResolver(trusted=trusted), ttl_dns_cache=10, limit=0)


def _url(target: Target) -> URL:
    """Built from the parts that were checked, not parsed a second time."""
    return URL.build(
        scheme=target.scheme,
        host=target.host,
        port=target.port,
        path=target.path,
        query_string=target.query,
        encoded=True,
    )
