"""Who is asking: what every credential of every dialect is turned into before a service sees it."""

from dataclasses import dataclass
from enum import StrEnum

from hearthside.kit.errors import Forbidden


class Role(StrEnum):
    USER = "user"
    ADMIN = "admin"


class CredentialKind(StrEnum):
    SESSION = "session"
    ACCESS_TOKEN = "access_token"  # noqa: S105 - the name of a kind, not a secret
    API_TOKEN = "api_token"  # noqa: S105 - the name of a kind, not a secret


class Scope(StrEnum):
    """What an API token may do. Sessions and access tokens may do all that their user may."""

    READ = "read"
    WRITE = "write"
    GENERATE = "generate"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class Actor:
    """A signed-in person and the credential they came with.

    `user_id` is the integer id of the user row, `user_uid` the UUID of the same user. `credential_id` is the integer id
    of the session (for cookies and access tokens) or of the API token.
    """

    user_id: int
    user_uid: str
    role: Role
    credential: CredentialKind
    credential_id: int
    scopes: frozenset[Scope]

    @property
    def is_admin(self) -> bool:
        """An admin by role whose credential also carries the admin scope."""
        return self.role is Role.ADMIN and Scope.ADMIN in self.scopes

    def require(self, scope: Scope) -> None:
        """Errors: Forbidden (scope_missing) where the credential is a token without `scope`."""
        if scope not in self.scopes:
            raise Forbidden(f"This token lacks the scope {scope.value!r}.", code="scope_missing")

    def require_admin(self) -> None:
        """Errors: Forbidden (admin_required)."""
        if not self.is_admin:
            raise Forbidden("Only an admin may do this.", code="admin_required")
