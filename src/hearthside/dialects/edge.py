"""What every request passes before any route, and every answer on its way out: one pure ASGI middleware.

In: a request id, the client's address, allowed hosts, no changes of state from other sites, bodies within bounds.
Out: the request id, the time it took, security headers, one log line. Exceptions that nobody expected end here as
`internal_error`: they are logged with the request id and nothing of them is told.
"""

import logging
from collections.abc import Collection
from dataclasses import dataclass
from typing import Self
from uuid import uuid4

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hearthside.dialects.arrival import Arrival
from hearthside.dialects.bodies import ClientGone, counted, is_deeper_than, read_body, replay
from hearthside.dialects.errors import ErrorTable, InternalError
from hearthside.dialects.origin import HostRule, Network, client_address, is_cross_site, parse_networks
from hearthside.kit.clock import Clock
from hearthside.kit.errors import Forbidden, HearthsideError, Invalid, TooLarge
from hearthside.settings import Settings

logger = logging.getLogger(__name__)

MAX_JSON_DEPTH = 64

SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
}
HTTPS_HEADERS = {
    "Strict-Transport-Security": "max-age=31536000",
    "Cross-Origin-Opener-Policy": "same-origin",
}


@dataclass(frozen=True, slots=True)
class EdgePolicy:
    hosts: HostRule
    trusted_proxies: tuple[Network, ...]
    max_body_bytes: int
    max_upload_bytes: int
    https: bool

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        """Errors: ValueError for a trusted proxy that is neither an address nor a network."""
        return cls(
            hosts=HostRule(settings.allowed_hosts, listens_on=settings.host),
            trusted_proxies=parse_networks(settings.trusted_proxies),
            max_body_bytes=settings.max_body_bytes,
            max_upload_bytes=settings.max_upload_bytes,
            https=settings.https,
        )

    @property
    def response_headers(self) -> dict[str, str]:
        """What an answer carries where its route has not said otherwise."""
        return SECURITY_HEADERS | HTTPS_HEADERS if self.https else SECURITY_HEADERS


class Edge:
    """Sets scope["state"]["request_id"], ["address"] and ["arrival"]; credentials add ["user_id"] for the log line.

    `uploads`: the paths whose bodies are files, which their routes read (dialects/uploads.py).
    """

    def __init__(
        self, app: ASGIApp, *, policy: EdgePolicy, errors: ErrorTable, clock: Clock, uploads: Collection[str] = ()
    ) -> None:
        self._app = app
        self._policy = policy
        self._errors = errors
        self._clock = clock
        self._uploads = uploads
        self._headers = policy.response_headers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        state = scope.setdefault("state", {})
        state["request_id"] = self._request_id(scope, headers)
        state[Arrival.KEY] = arrival = Arrival(self._clock)
        peer = scope["client"][0] if scope.get("client") else None
        state["address"] = client_address(peer, headers, self._policy.trusted_proxies)
        answer = _Answer(send, self._headers, state["request_id"], arrival)
        try:
            await self._handle(scope, receive, answer, headers)
        finally:
            _log(scope, answer)

    def _request_id(self, scope: Scope, headers: Headers) -> str:
        given = headers.get("x-request-id", "")
        return given if self._errors.takes_request_id(scope["path"], given) else str(uuid4())

    async def _handle(self, scope: Scope, receive: Receive, answer: "_Answer", headers: Headers) -> None:
        try:
            self._admit(scope, headers)
            await self._app(scope, await self._bounded(scope, receive, headers), answer.send)
        except ClientGone:
            return
        except HearthsideError as error:
            await self._refuse(scope, receive, answer, error)
        except Exception:
            logger.exception("unexpected error", extra={"request_id": scope["state"]["request_id"]})
            error = InternalError("Something went wrong in the server. Its log says more, under this request id.")
            await self._refuse(scope, receive, answer, error)

    def _admit(self, scope: Scope, headers: Headers) -> None:
        if not self._policy.hosts.allows(headers.get("host")):
            raise Invalid(
                "This server does not answer to the host name of this request. "
                "Its administrator can add the name to HEARTHSIDE_ALLOWED_HOSTS.",
                code="host_not_allowed",
            )
        if is_cross_site(scope["method"], headers):
            raise Forbidden("This request comes from a page of another site.", code="csrf_invalid")

    async def _bounded(self, scope: Scope, receive: Receive, headers: Headers) -> Receive:
        announced = headers.get("content-length")
        if announced in (None, "0") and "transfer-encoding" not in headers:
            return receive
        if scope["path"] in self._uploads:
            return counted(receive, self._policy.max_upload_bytes)
        limit = self._policy.max_body_bytes
        body = await read_body(receive, limit, announced_bytes=int(announced) if announced else None)
        if "json" in headers.get("content-type", "") and is_deeper_than(MAX_JSON_DEPTH, body):
            raise Invalid(f"The JSON of the body nests deeper than {MAX_JSON_DEPTH} levels.")
        return replay(body, receive)

    async def _refuse(self, scope: Scope, receive: Receive, answer: "_Answer", error: HearthsideError) -> None:
        if answer.status is not None:
            return  # half an answer is out: the server cuts the connection, so that it cannot be taken for a whole one
        extra = {"Connection": "close"} if isinstance(error, TooLarge) else None
        response = self._errors.response(scope, error, extra)
        await response(scope, receive, answer.send)


class _Answer:
    """The way out: adds the headers, remembers what was answered."""

    def __init__(self, send: Send, headers: dict[str, str], request_id: str, arrival: Arrival) -> None:
        self._send = send
        self._headers = headers
        self._request_id = request_id
        self._arrival = arrival
        self.status: int | None = None

    @property
    def seconds(self) -> float:
        return self._arrival.seconds

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = MutableHeaders(scope=message)
            for name, value in self._headers.items():
                headers.setdefault(name, value)
            headers["X-Request-ID"] = self._request_id
            headers["X-Process-Time"] = f"{self.seconds:.4f}"
        await self._send(message)


def _log(scope: Scope, answer: _Answer) -> None:
    state = scope["state"]
    fields = {
        "request_id": state["request_id"],
        "method": scope["method"],
        # as it was sent, still percent-encoded: no control characters; without the query, which may hold a secret
        "path": scope.get("raw_path", b"").decode("ascii", "backslashreplace"),
        "status": answer.status,
        "seconds": round(answer.seconds, 4),
        "address": state["address"],
        "user": state.get("user_id"),
    }
    logger.info("request", extra=fields)
