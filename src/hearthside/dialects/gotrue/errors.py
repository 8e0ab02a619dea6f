"""Errors as GoTrue words them: `{code, error_code, msg}`, the first of which is the status.

The codes are GoTrue's where it has one (supabase/auth `internal/api/apierrors/errorcode.go`), else the core's.
"""

from typing import Any

from starlette.responses import JSONResponse, Response

from hearthside.dialects.errors import InternalError, MethodNotAllowed
from hearthside.kit import errors as kinds
from hearthside.kit.errors import HearthsideError

STATUS: dict[type[HearthsideError], int] = {
    kinds.Invalid: 400,
    kinds.Unauthenticated: 401,
    kinds.Forbidden: 403,
    kinds.NotFound: 404,
    MethodNotAllowed: 405,
    kinds.Conflict: 422,
    kinds.TooLarge: 413,
    kinds.RateLimited: 429,
    kinds.QuotaExceeded: 429,
    InternalError: 500,
    kinds.UpstreamFailed: 502,
    kinds.Unavailable: 503,
    kinds.UpstreamTimeout: 504,
    kinds.StorageFull: 507,
}

# The core's code -> GoTrue's status and code.
CODES = {
    "auth_required": (401, "no_authorization"),
    "email_exists": (422, "user_already_exists"),
    "email_not_confirmed": (400, "email_not_confirmed"),
    "internal_error": (500, "unexpected_failure"),
    "invalid_credentials": (400, "invalid_credentials"),
    "rate_limited": (429, "over_request_rate_limit"),
    "session_expired": (403, "session_not_found"),
    "sign_up_closed": (422, "signup_disabled"),
    "user_inactive": (400, "user_banned"),
    "validation_error": (400, "validation_failed"),
    "wrong_password": (400, "current_password_mismatch"),
}
NO_REFRESH = (400, "refresh_token_not_found")
WEAK_PASSWORD = (422, "weak_password")


class RefreshRefused(kinds.Unauthenticated):
    """The refresh token is not good (any more)."""


class NotOffered(kinds.Invalid):
    """GoTrue can do this, this server cannot."""

    def __init__(self, message: str, *, gotrue_code: str) -> None:
        super().__init__(message)
        self.gotrue_code = gotrue_code


def to_response(error: HearthsideError, request_id: str) -> Response:  # noqa: ARG001 - X-Request-ID carries it
    status, code = _said(error)
    body: dict[str, Any] = {"code": status, "error_code": code, "msg": error.message}
    if (status, code) == WEAK_PASSWORD:
        body["weak_password"] = {"reasons": ["length"], "message": error.message}
    return JSONResponse(body, status)


def _said(error: HearthsideError) -> tuple[int, str]:
    if isinstance(error, NotOffered):
        return 422, error.gotrue_code
    if isinstance(error, RefreshRefused):
        return NO_REFRESH
    if any(field.where in {"password", "new_password"} for field in error.fields):
        return WEAK_PASSWORD
    status = next((STATUS[kind] for kind in type(error).__mro__ if kind in STATUS), 500)
    return CODES.get(error.code, (status, error.code))
