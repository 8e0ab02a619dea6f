"""How errors leave the house: one table from the start of a path to the dialect that words errors there.

Each dialect brings a renderer and says which paths are its own; the longest matching prefix wins, and the dialect at ""
words what nobody claims (unknown paths too). The table serves two places: the exception handlers of the application,
and the edge, which refuses requests before a route is known.
"""

import logging
from collections.abc import Callable, Mapping
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

Renderer = Callable[[HearthsideError, str], Response]
"""Words an error in a dialect: (error, request id) -> the response."""


class MethodNotAllowed(HearthsideError):
    """The path is there, the method is not: known to HTTP alone, so it stands here and not in the core."""

    default_code = "method_not_allowed"


class InternalError(HearthsideError):
    """What people see of an exception that nobody expected; the exception itself is in the log alone."""

    default_code = "internal_error"


class ErrorTable:
    """prefix -> renderer."""

    def __init__(self) -> None:
        self._renderers: list[tuple[str, Renderer]] = []

    def add(self, prefix: str, renderer: Renderer) -> None:
        """Gives the paths under `prefix` (whole segments; "" for all that is left) to a dialect."""
        self._renderers.append((prefix.rstrip("/"), renderer))
        self._renderers.sort(key=lambda entry: len(entry[0]), reverse=True)

    def response(self, scope: Scope, error: HearthsideError, headers: Mapping[str, str] | None = None) -> Response:
        """The error in the words of the dialect whose path was asked for, with the headers that HTTP wants."""
        request_id = scope["state"].get("request_id", "")
        if isinstance(error, (Unavailable, StorageFull)):
            logger.warning(
                "something we need is missing",
                extra={"request_id": request_id, "code": error.code},
                exc_info=error.__cause__,
            )
        response = self._renderer(scope["path"])(error, request_id)
        response.headers.update(headers or {})
        if error.retry_after_seconds is not None:
            response.headers["Retry-After"] = str(max(1, round(error.retry_after_seconds)))
        if isinstance(error, Unauthenticated):
            response.headers["WWW-Authenticate"] = "Bearer"
        return response

    def _renderer(self, path: str) -> Renderer:
        for prefix, renderer in self._renderers:
            if path == prefix or path.startswith(prefix + "/"):
                return renderer
        raise LookupError("no dialect has claimed the prefix ''")


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


def from_validation(error: RequestValidationError) -> Invalid:
    """What pydantic and the JSON decoder found, as our own kind. Values are never repeated: they may be secrets."""
    fields = [_field_problem(problem) for problem in error.errors()]
    first = f"{fields[0].where}: {fields[0].message}" if fields else "the request could not be read"
    more = f" (and {len(fields) - 1} more)" if len(fields) > 1 else ""
    return Invalid(f"The request is not valid. {first}{more}", fields=fields)


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
