"""The JSON of document 2: what its requests may hold, what its answers do hold.

Requests are strict: unknown fields are refused, and a number in quotes is not a number. Times are UTC, to the second,
with no zone (`2024-01-15T10:30:00`), as the document prints them.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from hearthside.dialects.conversations.fields import MAX_ID, Line, Prose, Title
from hearthside.gateway.model import Sampling

Timestamp = Annotated[str, Field(examples=["2024-01-15T10:30:00"])]


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class Answer(BaseModel):
    # Compiled with the first answer of its kind, not while the server starts: half of what this dialect costs there.
    # Bodies are not: FastAPI's wrapping of a deferred one warns about an alias (it hushes that only at once).
    model_config = ConfigDict(defer_build=True)


# Requests


class LoginBody(Body):
    """`username` may be an e-mail address. Its rules are the accounts' own; here it only has a size."""

    username: Line = Field(min_length=1, max_length=320)
    password: str = Field(min_length=1, max_length=1024)


class RegisterBody(Body):
    username: Line = Field(min_length=1, max_length=40)
    password: str = Field(min_length=1, max_length=1024)
    invite_code: Line | None = Field(None, min_length=1, max_length=200, description="Needed unless sign-up is open.")
    email: Line | None = Field(None, min_length=3, max_length=320)
    display_name: Line | None = Field(None, min_length=1, max_length=200)


class PasswordBody(Body):
    current_password: str = Field(min_length=1, max_length=1024)
    new_password: str = Field(min_length=1, max_length=1024)


class BootstrapBody(Body):
    username: Line = Field(min_length=1, max_length=40)
    password: str = Field(min_length=1, max_length=1024)


class InviteBody(Body):
    expires_in_hours: int = Field(24, ge=1, le=8760)


class UserPatch(Body):
    role: Literal["user", "admin"] | None = None
    status: Literal["active", "disabled"] | None = None


class ConversationBody(Body):
    title: Title | None = Field(None, description='Default: "New Conversation".')


class RenameBody(Body):
    title: Title


class MessageBody(Body):
    """`parent_id`: the message to answer; default: the end of the branch. Another one begins a branch of its own."""

    content: Prose = Field(min_length=1, max_length=200_000)
    parent_id: int | None = Field(None, le=MAX_ID)


class LeafBody(Body):
    message_id: int = Field(le=MAX_ID)


class StreamBody(Body):
    """Which model answers, and how. What is not said: as chosen for the conversation, else the default."""

    provider_id: Line | None = Field(None, min_length=1, max_length=200)
    model: Line | None = Field(None, min_length=1, max_length=500)
    temperature: float | None = Field(None, ge=0, le=2, allow_inf_nan=False)
    top_p: float | None = Field(None, ge=0, le=1, allow_inf_nan=False)
    max_tokens: int | None = Field(None, ge=1, le=2**31 - 1)

    @property
    def sampling(self) -> Sampling:
        return Sampling(temperature=self.temperature, top_p=self.top_p, max_tokens=self.max_tokens)


class RetryBody(StreamBody):
    conversation_id: int = Field(le=MAX_ID)


# Answers


class Done(Answer):
    """What was done, in words."""

    message: str


class UserOut(Answer):
    id: int
    username: str
    role: str
    status: str


class SignedIn(Answer):
    user: UserOut
    csrf_token: str


class Me(Answer):
    """`csrf_token` is null for those who came with a token: they need none."""

    user: UserOut
    csrf_token: str | None


class SessionOut(Answer):
    """One signed-in device. `current`: the one that asks."""

    id: str
    current: bool
    user_agent: str
    address: str
    created_at: Timestamp
    last_seen_at: Timestamp
    expires_at: Timestamp


class UserRow(UserOut):
    display_name: str | None
    created_at: Timestamp
    last_login: Timestamp | None


class UserList(Answer):
    users: list[UserRow]


class NewInvite(Answer):
    invite_code: str
    expires_at: Timestamp


class InviteOut(Answer):
    id: int
    created_by: int | None
    created_at: Timestamp
    expires_at: Timestamp
    used_by: int | None
    used_at: Timestamp | None


class InviteList(Answer):
    invites: list[InviteOut]


class DayUsageOut(Answer):
    """What one user used on one UTC day (`2024-01-15`). `requests` are replies, `messages` those that the user sent."""

    user_id: int
    day: str
    requests: int
    messages: int
    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class UsageList(Answer):
    usage: list[DayUsageOut]


class AuditOut(Answer):
    id: int
    at: Timestamp
    user_id: int | None
    action: str
    target: str
    address: str
    detail: dict[str, str]


class AuditList(Answer):
    audit: list[AuditOut]


class ConversationOut(Answer):
    id: int
    title: str
    created_at: Timestamp
    updated_at: Timestamp


class TokenUsage(Answer):
    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class MessageOut(Answer):
    """`status`: streaming, complete, cancelled, failed or interrupted; all but `complete` keep what text there is."""

    id: int
    role: str
    content: str
    provider_meta: dict[str, Any] | None
    token_usage: TokenUsage | None
    created_at: Timestamp
    parent_id: int | None
    status: str


class MessageMade(Answer):
    message_id: int
    conversation_id: int


class CapabilitiesOut(Answer):
    streaming: bool
    vision: bool
    tools: bool
    json_mode: bool
    max_context_tokens: int | None


class ModelOut(Answer):
    id: str
    label: str


class ProviderOut(Answer):
    provider_id: str
    name: str
    capabilities: CapabilitiesOut
    models: list[ModelOut]


class Health(Answer):
    status: Literal["healthy"]
    version: str
    uptime_seconds: float
    timestamp: Timestamp


class Version(Answer):
    version: str


class Ready(Answer):
    """`missing` names what work is waiting for."""

    status: Literal["ready", "not_ready"]
    missing: list[str]


class Problem(Answer):
    where: str
    message: str


class ErrorOut(Answer):
    """Every error. `detail` comes with VALIDATION_ERROR alone and names the fields."""

    code: str
    message: str
    request_id: str
    detail: list[Problem] | None = None
