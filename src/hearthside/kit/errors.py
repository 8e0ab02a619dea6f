"""What can go wrong, in words for people, with nothing of HTTP in it.

    HearthsideError
    ├── Invalid            the request itself is wrong                     code validation_error, …
    ├── Unauthenticated    who is asking is not known, or no longer        auth_required, session_expired, …
    ├── Forbidden          known, but not allowed                          admin_required, csrf_invalid, …
    ├── NotFound           absent, or another person's: never told apart   conversation_not_found, …
    ├── Conflict           the state of things does not allow it           username_exists, …
    ├── TooLarge           more bytes than a limit allows
    ├── RateLimited        too often; carries retry_after_seconds
    ├── QuotaExceeded      the budget or quota is spent
    ├── UpstreamFailed     a provider answered with an error
    ├── UpstreamTimeout    a provider did not answer in time
    ├── Unavailable        something we need is down or full for now; worth another try
    └── StorageFull        the disk is full

`code` is a stable string that clients may branch on: codes are added, never renamed. `message` is for people: what was
wrong, where, what to do; it never holds a secret or a host path. Each dialect owns one table from these kinds (and,
where its document names them, codes) to a status and a body.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """One wrong field of a request: where it stands (`body.title`, `query.limit`) and what is wrong with it."""

    where: str
    message: str


class HearthsideError(Exception):
    """The root of everything that is raised on purpose. Raise one of the kinds below, never this."""

    default_code: ClassVar[str] = "internal_error"

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        fields: Sequence[FieldProblem] = (),
        retry_after_seconds: float | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or self.default_code
        self.fields = tuple(fields)
        self.retry_after_seconds = retry_after_seconds


class Invalid(HearthsideError):
    default_code = "validation_error"


class Unauthenticated(HearthsideError):
    default_code = "auth_required"


class Forbidden(HearthsideError):
    default_code = "forbidden"


class NotFound(HearthsideError):
    default_code = "not_found"


class Conflict(HearthsideError):
    default_code = "conflict"


class TooLarge(HearthsideError):
    default_code = "too_large"


class RateLimited(HearthsideError):
    default_code = "rate_limited"


class QuotaExceeded(HearthsideError):
    default_code = "quota_exceeded"


class UpstreamFailed(HearthsideError):
    default_code = "provider_error"


class UpstreamTimeout(HearthsideError):
    default_code = "provider_timeout"


class Unavailable(HearthsideError):
    default_code = "unavailable"


class StorageFull(HearthsideError):
    default_code = "storage_full"
