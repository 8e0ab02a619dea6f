"""What an account is: users, sessions, tokens, invites, profiles, and its end."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from hearthside.kit.actor import Role, Scope


class UserStatus(StrEnum):
    """ERASING and ERASED: the grace of a deletion is over, and there is no such user any more for anybody who asks."""

    ACTIVE = "active"
    DISABLED = "disabled"
    ERASING = "erasing"  # the account's rows are being removed
    ERASED = "erased"  # nothing but the emptied row is left


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a request came from: the client's address (that of a trusted proxy's word for it) and its User-Agent."""

    address: str
    user_agent: str = ""


NOWHERE = Origin(address="")  # acts of the server itself and of its command line


@dataclass(frozen=True, slots=True)
class DeletionState:
    """The account goes at `scheduled_for`, unless its person signs in before that."""

    requested_at: datetime
    scheduled_for: datetime


@dataclass(frozen=True, slots=True)
class User:
    """A person. `id` is the integer id, `uid` the UUID of the same row; at least one of username and email is set.

    `deletion` None: nobody has asked for the account to be deleted.
    """

    id: int
    uid: str
    username: str | None
    email: str | None
    display_name: str | None
    role: Role
    status: UserStatus
    created_at: datetime
    last_login_at: datetime | None
    deletion: DeletionState | None = None


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
class AccountStatus:
    """What a sign-in found out about the deletion of the account: `canceled` is the one that it has ended."""

    scheduled: DeletionState | None = None
    canceled: DeletionState | None = None

    @property
    def deletion_scheduled(self) -> bool:
        return self.scheduled is not None

    @property
    def deletion_requested_at(self) -> datetime | None:
        return self.scheduled.requested_at if self.scheduled else None

    @property
    def deletion_scheduled_for(self) -> datetime | None:
        return self.scheduled.scheduled_for if self.scheduled else None

    @property
    def deletion_canceled(self) -> bool:
        return self.canceled is not None

    @property
    def previous_deletion_requested_at(self) -> datetime | None:
        return self.canceled.requested_at if self.canceled else None

    @property
    def previous_deletion_scheduled_for(self) -> datetime | None:
        return self.canceled.scheduled_for if self.canceled else None


@dataclass(frozen=True, slots=True)
class Cancelled:
    """What came of a wish to keep the account after all; not `canceled`: no deletion was pending."""

    canceled: bool
    previous_requested_at: datetime | None = None
    previous_scheduled_for: datetime | None = None


@dataclass(frozen=True, slots=True)
class NewSession:
    """A session just made: the only moment at which its secrets exist in the clear."""

    session: Session
    user: User
    cookie: str
    csrf_token: str
    account_status: AccountStatus = AccountStatus()


@dataclass(frozen=True, slots=True)
class TokenPair:
    """An access token (JWT) and the refresh token that renews it once."""

    access_token: str
    refresh_token: str
    expires_in_seconds: int
    session: Session
    user: User
    account_status: AccountStatus = AccountStatus()


@dataclass(frozen=True, slots=True)
class SignedUp:
    """A new user. `tokens` None: they have to confirm their e-mail address before they can sign in."""

    user: User
    tokens: TokenPair | None


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
    DELETION_REQUESTED = "deletion_requested"
    DELETION_CANCELED = "deletion_canceled"
    ACCOUNT_ERASED = "account_erased"


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


class DeletionStatus(StrEnum):
    ACTIVE = "active"
    PENDING = "pending"


@dataclass(frozen=True, slots=True)
class Profile:
    """What a person tells of themselves. `full_name` is the user's display_name, `user_id` and `uid` are the user's."""

    user_id: int
    uid: str
    email: str | None
    full_name: str | None
    username: str | None
    bio: str | None
    date_of_birth: date | None
    age: int | None
    profession: str | None
    heard_from: str | None
    avatar_url: str | None
    survey_completed: bool
    onboarding_responses: Mapping[str, Any] | None
    deletion: DeletionState | None
    created_at: datetime
    updated_at: datetime

    @property
    def deletion_status(self) -> DeletionStatus:
        return DeletionStatus.PENDING if self.deletion else DeletionStatus.ACTIVE

    @property
    def deletion_requested_at(self) -> datetime | None:
        return self.deletion.requested_at if self.deletion else None

    @property
    def deletion_scheduled_for(self) -> datetime | None:
        return self.deletion.scheduled_for if self.deletion else None


@dataclass(frozen=True, slots=True)
class ProfileChange:
    """What a person changes of their profile. None leaves a field as it is; an empty text clears it (but no name)."""

    full_name: str | None = None
    username: str | None = None
    bio: str | None = None
    date_of_birth: date | None = None
    age: int | None = None
    profession: str | None = None
    heard_from: str | None = None
    avatar_url: str | None = None
    survey_completed: bool | None = None
    onboarding_responses: Mapping[str, Any] | None = None
