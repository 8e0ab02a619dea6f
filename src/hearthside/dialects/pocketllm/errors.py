"""Errors as document 0 words them: `{detail}`, a text, or the list of wrong fields that FastAPI's clients know."""

from typing import Any

from starlette.responses import JSONResponse, Response

from hearthside.dialects.errors import InternalError, MethodNotAllowed
from hearthside.kit import errors as kinds
from hearthside.kit.errors import FieldProblem, HearthsideError

STATUS: dict[type[HearthsideError], int] = {
    kinds.Invalid: 400,
    kinds.Unauthenticated: 401,
    kinds.Forbidden: 403,
    kinds.NotFound: 404,
    MethodNotAllowed: 405,
    kinds.Conflict: 409,
    kinds.TooLarge: 413,
    kinds.RateLimited: 429,
    kinds.QuotaExceeded: 429,
    InternalError: 500,
    kinds.UpstreamFailed: 502,
    kinds.Unavailable: 503,
    kinds.UpstreamTimeout: 504,
    kinds.StorageFull: 507,
}

# What the document's contract answers otherwise than its kind: an address that is taken, wrong fields, and providers,
# which are things with a path here.
CODES = {"email_exists": 400, "validation_error": 422, "provider_not_found": 404}


def to_response(error: HearthsideError, request_id: str) -> Response:  # noqa: ARG001 - X-Request-ID carries it
    detail: Any = [_to_problem(field) for field in error.fields] or error.message
    return JSONResponse({"detail": detail}, _status(error))


def _to_problem(problem: FieldProblem) -> dict[str, Any]:
    """`body.title` and the core's own `title` are both `["body", "title"]`."""
    path = problem.where.split(".")
    loc = path if path[0] in {"body", "query", "path", "header"} else ["body", *path]
    return {"loc": loc, "msg": problem.message, "type": "value_error"}


def _status(error: HearthsideError) -> int:
    if error.fields and isinstance(error, kinds.Invalid):
        return 422
    return CODES.get(error.code) or next((STATUS[kind] for kind in type(error).__mro__ if kind in STATUS), 500)
