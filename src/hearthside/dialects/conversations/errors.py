"""Errors as document 2 words them: `{code, message, request_id}`, and `detail` where fields are wrong."""

from typing import Any

from starlette.responses import JSONResponse, Response

from hearthside.dialects.errors import InternalError, MethodNotAllowed
from hearthside.dialects.replies import to_code
from hearthside.kit import errors as kinds
from hearthside.kit.errors import HearthsideError

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


def to_response(error: HearthsideError, request_id: str) -> Response:
    code = to_code(error.code)
    body: dict[str, Any] = {"code": code, "message": error.message, "request_id": request_id}
    if error.fields or code == "VALIDATION_ERROR":
        body["detail"] = [{"where": field.where, "message": field.message} for field in error.fields]
    return JSONResponse(body, _status(error))


def _status(error: HearthsideError) -> int:
    return next((STATUS[kind] for kind in type(error).__mro__ if kind in STATUS), 500)
