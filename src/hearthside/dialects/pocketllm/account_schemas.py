"""The JSON of /auth and /users."""

from typing import Annotated, Any, Literal

from pydantic import AliasChoices, Field

from hearthside.dialects.pocketllm.fields import Day, Email, Line, Password, Prose, ProviderId
from hearthside.dialects.pocketllm.schemas import Answer, Body, Timestamp

# Auth


class SignUpRequest(Body):
    """`name` is another word for `full_name`. `invite_code` is needed where the server is not open to everyone."""

    email: Email
    password: Password
    full_name: Line | None = Field(
        None, min_length=1, max_length=120, validation_alias=AliasChoices("full_name", "name")
    )
    invite_code: Line | None = Field(None, min_length=1, max_length=200)


class SignInRequest(Body):
    """`email` may be a user name: an account that was made elsewhere need not have an address."""

    email: Line = Field(min_length=1, max_length=320)
    password: str = Field(min_length=1, max_length=1024)


class RefreshRequest(Body):
    refresh_token: str = Field(min_length=1, max_length=1024)


class MagicLinkRequest(Body):
    email: Email


class PhoneOtpRequest(Body):
    phone: Line = Field(min_length=8, max_length=32)


class OAuthProviderRequest(Body):
    provider: ProviderId


class AuthFeatureAvailabilityResponse(Answer):
    feature: str
    status: Literal["coming_soon"] = "coming_soon"
    message: str


class AuthenticatedUser(Answer):
    id: str
    email: str | None
    full_name: str | None
    created_at: Timestamp
    last_sign_in_at: Timestamp | None


class AuthTokens(Answer):
    """`expires_in` seconds after which `refresh_token` gives the next pair."""

    access_token: str
    refresh_token: str
    token_type: Literal["bearer"] = "bearer"  # noqa: S105 - a kind, not a secret
    expires_in: int


class SessionMetadata(Answer):
    """`expires_at` is that of the access token, `refresh_expires_at` that of the sign-in."""

    session_id: str
    expires_at: Timestamp
    refresh_expires_at: Timestamp


class AccountStatus(Answer):
    """Whether the account is to be deleted, and whether this sign-in has just kept it from that."""

    deletion_scheduled: bool
    deletion_scheduled_for: Timestamp | None
    deletion_requested_at: Timestamp | None
    deletion_canceled: bool
    previous_deletion_requested_at: Timestamp | None
    previous_deletion_scheduled_for: Timestamp | None


class SignInResponse(Answer):
    user: AuthenticatedUser
    tokens: AuthTokens
    session: SessionMetadata
    account_status: AccountStatus


class SignUpResponse(Answer):
    """`tokens` and `session` are null where the e-mail address has to be confirmed first."""

    user: AuthenticatedUser
    tokens: AuthTokens | None
    session: SessionMetadata | None
    account_status: AccountStatus


class SignOutResponse(Answer):
    revoked_sessions: int


# Users


class UserProfileUpdate(Body):
    """What is not given, or null, stays as it is."""

    full_name: Line | None = Field(None, min_length=1, max_length=120)
    username: Line | None = Field(None, min_length=3, max_length=40)
    bio: Prose | None = Field(None, max_length=500)
    date_of_birth: Day | None = None
    age: int | None = Field(None, ge=13, le=120)
    profession: Line | None = Field(None, max_length=120)
    heard_from: Line | None = Field(None, max_length=120)
    avatar_url: Line | None = Field(None, max_length=2000)
    survey_completed: bool | None = None
    onboarding_responses: dict[str, Any] | None = None


class OnboardingSurvey(UserProfileUpdate):
    """`onboarding_responses` goes before `onboarding` where both come."""

    survey_completed: bool | None = True
    onboarding: dict[str, Any] | None = Field(
        None,
        description="primary_goal, interests[], experience_level, usage_frequency, other_notes; or any other object.",
    )


class UserProfile(Answer):
    id: str
    email: str | None
    full_name: str | None
    username: str | None
    bio: str | None
    date_of_birth: Annotated[str, Field(examples=["1990-01-01"])] | None
    age: int | None
    profession: str | None
    heard_from: str | None
    avatar_url: str | None
    survey_completed: bool
    onboarding_responses: dict[str, Any] | None
    deletion_status: Literal["active", "pending"]
    deletion_requested_at: Timestamp | None
    deletion_scheduled_for: Timestamp | None
    created_at: Timestamp
    updated_at: Timestamp


class DeleteAccountResponse(Answer):
    status: Literal["pending"] = "pending"
    deletion_requested_at: Timestamp
    deletion_scheduled_for: Timestamp


class CancelDeletionResponse(Answer):
    canceled: bool
    profile: UserProfile
    previous_deletion_requested_at: Timestamp | None
    previous_deletion_scheduled_for: Timestamp | None


class ImportResult(Answer):
    """What came of an import; `problems` are in words for people."""

    format: Literal["hearthside", "chatgpt", "claude"]
    conversations: int
    grown: int
    messages: int
    skipped: int
    problems: list[str]
