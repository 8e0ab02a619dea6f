"""How errors leave the house: one table from the start of a path to the dialect that words errors there.

Each dialect brings a renderer and says which paths are its own; the longest matching prefix wins, and the dialect at ""
words what nobody claims (unknown paths too). The table serves two places: the exception handlers of the application,
and the edge, which refuses requests before a route is known.
"""

import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match
from starlette.types import Scope

from hearthside.kit.errors import (
    FieldProblem,
    HearthsideError,
    Invalid,
    NotFound,
    StorageFull,
    TooLarge,
    Unauthenticated,
    Unavailable,
)

logger = logging.getLogger(__name__)

REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")

Renderer = Callable[[HearthsideError, str], Response]
"""Words an error in a dialect: (error, request id) -> the response."""


class MethodNotAllowed(HearthsideError):
    """The path is there, the method is not: known to HTTP alone, so it stands here and not in the core."""

    default_code = "method_not_allowed"


class InternalError(HearthsideError):
    """What people see of an exception that nobody expected; the exception itself is in the log alone."""

    default_code = "internal_error"


class Malformed(Invalid):
    """A request that does not have the form which its schema asks for: its fields bear the names of the dialect."""


@dataclass(frozen=True, slots=True)
class _Entry:
    prefix: str
    render: Renderer
    request_ids: re.Pattern[str]


class ErrorTable:
    """prefix -> renderer."""

    def __init__(self) -> None:
        self._entries: list[_Entry] = []

    def add(self, prefix: str, renderer: Renderer, *, request_ids: re.Pattern[str] = REQUEST_ID) -> None:
        """Gives the paths under `prefix` (whole segments; "" for all that is left) to a dialect.

        `request_ids`: which ids of a client's own its answers may carry; any other one is replaced.
        """
        self._entries.append(_Entry(prefix.rstrip("/"), renderer, request_ids))
        self._entries.sort(key=lambda entry: len(entry.prefix), reverse=True)

    def takes_request_id(self, path: str, request_id: str) -> bool:
        entry = self._entry(path)
        return (entry.request_ids if entry else REQUEST_ID).fullmatch(request_id) is not None

    def response(self, scope: Scope, error: HearthsideError, headers: Mapping[str, str] | None = None) -> Response:
        """The error in the words of the dialect whose path was asked for, with the headers that HTTP wants."""
        request_id = scope["state"].get("request_id", "")
        if isinstance(error, (Unavailable, StorageFull)):
            logger.warning(
                "something we need is missing",
                extra={"request_id": request_id, "code": error.code},
                exc_info=error.__cause__,
            )
        entry = self._entry(scope["path"])
        if entry is None:
            raise LookupError("no dialect has claimed the prefix ''")
        response = entry.render(error, request_id)
        response.headers.update(headers or {})
        if error.retry_after_seconds is not None:
            response.headers["Retry-After"] = str(max(1, round(error.retry_after_seconds)))
        if isinstance(error, Unauthenticated):
            response.headers["WWW-Authenticate"] = "Bearer"
        return response

    def _entry(self, path: str) -> _Entry | None:
        return next((one for one in self._entries if path == one.prefix or path.startswith(one.prefix + "/")), None)


def error_table(app: FastAPI) -> ErrorTable:
    """The application's table; made, and its exception handlers registered, at the first call."""
    table: ErrorTable | None = getattr(app.state, "errors", None)
    if table is None:
        table = app.state.errors = ErrorTable()
        _register(app, table)
    return table


def _register(app: FastAPI, table: ErrorTable) -> None:
    async def raised(request: Request, error: Any) -> Response:
        return table.response(request.scope, error)

    async def malformed(request: Request, error: Any) -> Response:
        return table.response(request.scope, from_validation(error))

    async def by_http(request: Request, error: Any) -> Response:
        headers = {"Allow": ", ".join(_methods_of(request))} if error.status_code == 405 else error.headers
        return table.response(request.scope, from_http(error, request), headers)

    app.add_exception_handler(HearthsideError, raised)
    app.add_exception_handler(RequestValidationError, malformed)
    app.add_exception_handler(HTTPException, by_http)


def _methods_of(request: Request) -> list[str]:
    """What is possible at this path. The framework names the methods of the first route there alone."""

    def matches(method: str) -> bool:
        scope = {**request.scope, "method": method}
        return any(route.matches(scope)[0] is Match.FULL for route in request.app.routes)

    return [method for method in ("GET", "POST", "PUT", "PATCH", "DELETE") if matches(method)]


def from_validation(error: RequestValidationError) -> Malformed:
    """What pydantic and the JSON decoder found, as our own kind. Values are never repeated: they may be secrets."""
    fields = [_field_problem(problem) for problem in error.errors()]
    first = f"{fields[0].where}: {fields[0].message}" if fields else "the request could not be read"
    more = f" (and {len(fields) - 1} more)" if len(fields) > 1 else ""
    return Malformed(f"The request is not valid. {first}{more}", fields=fields)


def _field_problem(problem: Mapping[str, Any]) -> FieldProblem:
    if problem["type"] == "json_invalid":
        return FieldProblem("body", f"not valid JSON: {problem['ctx']['error']} at character {problem['loc'][-1]}")
    if problem["loc"] == ("body",) and isinstance(problem.get("input"), bytes):
        return FieldProblem("body", "send a JSON object, with Content-Type: application/json")
    where = ".".join(str(part) for part in problem["loc"])
    # pydantic puts "Value error, " before the messages of our own validators.
    return FieldProblem(where, problem["msg"].removeprefix("Value error, "))


def from_http(error: HTTPException, request: Request) -> HearthsideError:
    """What the framework itself refuses, as one of our kinds."""
    if error.status_code == 404:
        return NotFound("There is nothing at this path.")
    if error.status_code == 405:
        return MethodNotAllowed(f"{request.method} is not possible at this path.")
    if error.status_code == 413:
        return TooLarge("The request is too large.")
    if 400 <= error.status_code < 500:
        return Invalid("The body of the request could not be read as JSON.", fields=[FieldProblem("body", "not JSON")])
    return InternalError("The server could not answer this request.")
