"""What GoTrue refuses, as errors of ours. Its codes: supabase/auth `internal/api/apierrors/errorcode.go`."""

from typing import TYPE_CHECKING, Final

from hearthside.kit.errors import (
    Conflict,
    FieldProblem,
    Forbidden,
    HearthsideError,
    Invalid,
    RateLimited,
    Unauthenticated,
    Unavailable,
    UpstreamFailed,
)

if TYPE_CHECKING:
    from supabase_auth.errors import AuthError

# GoTrue does not say when to come back; its own limits refill within minutes.
RETRY_SECONDS: Final = 60

_ENDED = frozenset(
    {"bad_jwt", "session_not_found", "session_expired", "refresh_token_not_found", "refresh_token_already_used",
     "user_not_found", "no_authorization"}
)  # fmt: skip
_LIMITED = frozenset({"over_request_rate_limit", "over_email_send_rate_limit"})


def to_error(refusal: "AuthError | None") -> HearthsideError:
    """None: an answer that makes no sense."""
    if refusal is None:
        return _unexpected("an answer that cannot be read")
    code, status = refusal.code or "", getattr(refusal, "status", 0)
    if refusal.name == "AuthRetryableError":
        return Unavailable("Supabase does not answer just now. Try again in a moment.", retry_after_seconds=5)
    return _of_sign_in(code) or _of_sign_up(code, refusal.message) or _of_status(status, code)


def _of_sign_in(code: str) -> HearthsideError | None:
    if code == "invalid_credentials":
        return Unauthenticated("The e-mail address or the password is wrong.", code="invalid_credentials")
    if code in {"email_not_confirmed", "provider_email_needs_verification"}:
        return Forbidden("Confirm your e-mail address first.", code="email_not_confirmed")
    if code == "user_banned":
        return Unauthenticated("This account is disabled. Ask an admin of this server.", code="user_inactive")
    if code in _ENDED:
        return Unauthenticated("Your session has ended. Sign in again.", code="session_expired")
    return None


def _of_sign_up(code: str, message: str) -> HearthsideError | None:
    if code in {"user_already_exists", "email_exists"}:
        return Conflict("This e-mail address is taken.", code="email_exists")
    if code in {"signup_disabled", "email_provider_disabled"}:
        return Forbidden("Signing up is closed on this server.", code="sign_up_closed")
    if code == "weak_password":
        return Invalid(f"password: {message[:200]}", fields=[FieldProblem("password", message[:200])])
    if code in {"validation_failed", "email_address_invalid", "email_address_not_authorized"}:
        return Invalid(f"Supabase refuses this: {message[:200]}")
    return None


def _of_status(status: int, code: str) -> HearthsideError:
    if status == 429 or code in _LIMITED:
        return RateLimited("Supabase asks to slow down. Try again later.", retry_after_seconds=RETRY_SECONDS)
    return _unexpected(code or f"status {status}")


def _unexpected(what: str) -> HearthsideError:
    return UpstreamFailed(f"Supabase refused in a way that is not expected ({what}).", code="identity_error")
