"""What stands in `data` of document 1's answers.

The document writes accounts and chats with underscores, model configurations, models and providers in camel case.
"""

from typing import Annotated, Any, Literal

from pydantic import Field

from hearthside.dialects.envelope.answers import Answer, CamelAnswer

Timestamp = Annotated[str, Field(examples=["2023-10-27T10:00:00.000Z"])]


class Done(Answer):
    """What was done, in words."""

    message: str


class UserOut(Answer):
    id: str
    email: str | None
    created_at: Timestamp


class NewUserOut(UserOut):
    aud: Literal["authenticated"] = "authenticated"
    role: Literal["authenticated"] = "authenticated"


class SignedUp(Answer):
    user: NewUserOut
    session: None = None
    message: str


class TokensOut(Answer):
    """`expires_in` seconds after which `refresh_token` gives the next pair."""

    access_token: str
    refresh_token: str
    expires_in: int
    token_type: Literal["bearer"] = "bearer"  # noqa: S105 - a kind, not a secret


class AccountStatusOut(Answer):
    """Whether the account is to be deleted, and whether this sign-in has just kept it from that."""

    deletion_scheduled: bool
    deletion_scheduled_for: Timestamp | None
    deletion_requested_at: Timestamp | None
    deletion_canceled: bool
    previous_deletion_requested_at: Timestamp | None
    previous_deletion_scheduled_for: Timestamp | None


class SignedIn(Answer):
    user: UserOut
    session: TokensOut
    account_status: AccountStatusOut


class SignedOut(Answer):
    message: str
    revoked_sessions: int


class ProfileOut(Answer):
    id: str
    full_name: str | None
    username: str | None
    bio: str | None
    date_of_birth: Annotated[str, Field(examples=["1990-01-01"])] | None
    profession: str | None
    avatar_url: str | None
    survey_completed: bool
    created_at: Timestamp
    updated_at: Timestamp


def _is_none(value: object) -> bool:
    return value is None


class ModelConfigOut(CamelAnswer):
    """Of what was not chosen nothing is said."""

    provider: str
    model: str
    system_prompt: str | None = Field(None, exclude_if=_is_none)
    temperature: float | None = Field(None, exclude_if=_is_none)
    max_tokens: int | None = Field(None, exclude_if=_is_none)


class ChatOut(Answer):
    id: str
    user_id: str
    title: str
    chosen: ModelConfigOut | None = Field(serialization_alias="model_config")
    created_at: Timestamp
    updated_at: Timestamp


class MessageOut(Answer):
    id: str
    chat_id: str
    content: str
    role: str
    created_at: Timestamp


class Exchange(CamelAnswer):
    user_message: MessageOut
    assistant_message: MessageOut


class ModelRow(CamelAnswer):
    id: str
    name: str
    display_name: str | None
    provider: str
    provider_id: str | None
    model: str
    base_url: str | None
    description: str | None
    metadata: dict[str, Any]
    system_prompt: str | None
    temperature: float | None
    max_tokens: int | None
    top_p: float | None
    frequency_penalty: float | None
    presence_penalty: float | None
    additional_params: dict[str, Any]
    is_default: bool
    is_active: bool
    created_at: Timestamp
    updated_at: Timestamp


class ProviderRow(CamelAnswer):
    """`apiKeyPreview`: the last four characters of the key."""

    id: str
    provider: str
    display_name: str | None
    base_url: str | None
    metadata: dict[str, Any]
    is_active: bool
    has_api_key: bool
    api_key_preview: str | None
    created_at: Timestamp
    updated_at: Timestamp


class Prices(CamelAnswer):
    """US dollars for a million tokens; null where nobody says."""

    input: float | None
    output: float | None
    currency: Literal["USD"] = "USD"


class CatalogueModel(CamelAnswer):
    """A model as its provider lists it; null where the provider does not say."""

    id: str
    name: str
    provider: str
    description: str | None
    context_window: int | None
    max_output_tokens: int | None
    pricing: Prices | None
