"""What an account is: users, sessions, tokens, invites."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from hearthside.kit.actor import Role, Scope


class UserStatus(StrEnum):
    ACTIVE = "active"
    DISABLED = "disabled"


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a request came from: the client's address (that of a trusted proxy's word for it) and its User-Agent."""

    address: str
    user_agent: str = ""


NOWHERE = Origin(address="")  # acts of the server itself and of its command line


@dataclass(frozen=True, slots=True)
class User:
    """A person. `id` is the integer id, `uid` the UUID of the same row; at least one of username and email is set."""

    id: int
    uid: str
    username: str | None
    email: str | None
    display_name: str | None
    role: Role
    status: UserStatus
    created_at: datetime
    last_login_at: datetime | None


@dataclass(frozen=True, slots=True)
class Session:
    """One sign-in on one device. Cookies and access tokens both stand on a session."""

    id: int
    uid: str
    user_id: int
    created_at: datetime
    last_seen_at: datetime
    expires_at: datetime
    user_agent: str
    address: str


@dataclass(frozen=True, slots=True)
class NewSession:
    """A session just made: the only moment at which its secrets exist in the clear."""

    session: Session
    user: User
    cookie: str
    csrf_token: str


@dataclass(frozen=True, slots=True)
class TokenPair:
    """An access token (JWT) and the refresh token that renews it once."""

    access_token: str
    refresh_token: str
    expires_in_seconds: int
    session: Session
    user: User


@dataclass(frozen=True, slots=True)
class ApiToken:
    """A long-lived token for programs. `expires_at` None: until revoked."""

    id: int
    uid: str
    user_id: int
    name: str
    scopes: frozenset[Scope]
    last_four: str
    created_at: datetime
    last_used_at: datetime | None
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class Invite:
    """Lets one person sign up. The code itself is stored hashed and shown once."""

    id: int
    uid: str
    created_by: int | None
    created_at: datetime
    expires_at: datetime
    used_by: int | None
    used_at: datetime | None


class Action(StrEnum):
    """What the audit log tells of. Words are added, never renamed."""

    BOOTSTRAP = "bootstrap"
    SIGN_UP = "sign_up"
    SIGN_IN = "sign_in"
    SIGN_IN_FAILED = "sign_in_failed"
    SIGN_OUT = "sign_out"
    SESSION_ENDED = "session_ended"
    REFRESH_REUSED = "refresh_reused"
    PASSWORD_CHANGED = "password_changed"  # noqa: S105 - a word, not a secret
    API_TOKEN_CREATED = "api_token_created"  # noqa: S105 - a word, not a secret
    API_TOKEN_REVOKED = "api_token_revoked"  # noqa: S105 - a word, not a secret
    INVITE_CREATED = "invite_created"
    INVITE_DELETED = "invite_deleted"
    USER_CREATED = "user_created"
    USER_UPDATED = "user_updated"


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One line of the audit log: who did what to whom, from where."""

    id: int
    at: datetime
    actor_user_id: int | None
    action: str
    target: str
    address: str
    detail: dict[str, str]
