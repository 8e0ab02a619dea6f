"""The bodies that document 1's requests may have.

They are strict: unknown fields are refused, and a number in quotes is not a number. The document writes accounts and
chats with underscores, model configurations, models and providers in camel case.
"""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from hearthside.dialects.envelope.fields import (
    Day,
    JsonObject,
    Line,
    Password,
    Prose,
    Secret,
    Temperature,
    Title,
    TokenCount,
    WebAddress,
)

Penalty = Annotated[float, Field(ge=-2, le=2, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class CamelBody(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, alias_generator=to_camel)


class SignUpBody(Body):
    """`invite_code` is needed where the server is not open to everyone."""

    email: Line = Field(min_length=3, max_length=320)
    password: Password
    invite_code: Line | None = Field(None, min_length=1, max_length=200)


class SignInBody(Body):
    """`email` may be a user name: an account that was made elsewhere need not have an address."""

    email: Line = Field(min_length=1, max_length=320)
    password: str = Field(min_length=1, max_length=1024)


class RefreshBody(Body):
    refresh_token: str = Field(min_length=1, max_length=1024)


class ProfileBody(Body):
    """What is not given, or null, stays as it is."""

    full_name: Line | None = Field(None, min_length=1, max_length=120)
    username: Line | None = Field(None, min_length=3, max_length=40)
    bio: Prose | None = Field(None, max_length=500)
    date_of_birth: Day | None = None
    profession: Line | None = Field(None, max_length=120)
    avatar_url: WebAddress | None = None
    survey_completed: bool | None = None


class ModelConfigBody(CamelBody):
    """Which model answers in a chat, and how.

    `apiKey` is kept encrypted with the chat and never given back; null removes it, leaving it out lets it be.
    """

    provider: Line = Field(min_length=1, max_length=64)
    model: Line = Field(min_length=1, max_length=500)
    api_key: Secret | None = None
    system_prompt: Prose | None = Field(None, max_length=100_000)
    temperature: Temperature | None = None
    max_tokens: TokenCount | None = None


class NewChatBody(Body):
    title: Title
    chosen: ModelConfigBody | None = Field(None, alias="model_config")


class ChatBody(Body):
    """What is not given stays. `model_config` null: the chat goes by the user's default model again."""

    title: Title = ""
    chosen: ModelConfigBody | None = Field(None, alias="model_config")


class MessageBody(Body):
    """`model_config` is for this message; without it the chat's, then the user's default model answers."""

    content: Prose = Field(min_length=1, max_length=200_000)
    chosen: ModelConfigBody | None = Field(None, alias="model_config")


class SharedSettings(CamelBody):
    system_prompt: Prose | None = Field(None, max_length=100_000)
    temperature: Temperature | None = None
    max_tokens: int | None = Field(None, gt=0, le=10_000_000)
    top_p: Share | None = None
    frequency_penalty: Penalty | None = None
    presence_penalty: Penalty | None = None
    additional_params: JsonObject | None = None


class Selection(CamelBody):
    id: Line = Field(min_length=1, max_length=300)
    name: Line | None = Field(None, min_length=1, max_length=200)
    description: Prose | None = Field(None, max_length=2000)


class ImportBody(CamelBody):
    """`sharedSettings` go to every model that is imported."""

    provider: Line = Field(min_length=1, max_length=64)
    provider_id: Line | None = Field(None, max_length=200)
    shared_settings: SharedSettings | None = None
    selections: list[Selection] = Field(min_length=1, max_length=500)


class ActivateBody(CamelBody):
    """`apiKey` is stored encrypted and never given back."""

    provider: Line = Field(min_length=1, max_length=64)
    api_key: Secret | None = None
    base_url: WebAddress | None = None
    display_name: Line | None = Field(None, min_length=1, max_length=200)
    metadata: JsonObject | None = None


class ProviderBody(CamelBody):
    """What is not given stays; `apiKey` null removes the key, `baseUrl` null goes back to the usual address."""

    api_key: Secret | None = None
    base_url: WebAddress | None = None
    display_name: Line | None = Field(None, min_length=1, max_length=200)
    metadata: JsonObject | None = None
    is_active: bool = True
