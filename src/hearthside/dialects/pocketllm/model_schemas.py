"""The JSON of /providers and /models."""

from typing import Annotated, Any, Literal

from pydantic import Field

from hearthside.dialects.pocketllm.fields import Line, ProviderId, Secret
from hearthside.dialects.pocketllm.schemas import Answer, Body, Metadata, Timestamp

BaseUrl = Annotated[Line, Field(min_length=1, max_length=2000)]
Name = Annotated[Line, Field(min_length=1, max_length=200)]


class ProviderActivationRequest(Body):
    """`api_key` is stored encrypted and never given back. A provider that is not known by name needs `base_url`."""

    provider: ProviderId
    api_key: Secret | None = None
    base_url: BaseUrl | None = None
    metadata: Metadata | None = None
    display_name: Name | None = None


class ProviderUpdateRequest(Body):
    """What is not given stays. `api_key` null removes the key, `base_url` null goes back to the usual address."""

    display_name: Name | None = None
    base_url: BaseUrl | None = None
    metadata: Metadata | None = None
    api_key: Secret | None = None
    is_active: bool = True


class ProviderTestRequest(Body):
    """What to try in the place of what is stored."""

    api_key: Secret | None = None
    base_url: BaseUrl | None = None
    metadata: Metadata | None = None


class ProviderTestResponse(Answer):
    """`verdict` is for programs, `message` for people. `models`: how many the provider lists.

    `key_proven` false beside `ok`: the provider answers anybody, so that nothing is known of the key.
    """

    ok: bool
    verdict: str
    message: str
    models: int | None
    key_proven: bool


class ProviderConfiguration(Answer):
    """`api_key_preview`: the last four characters of the key."""

    id: str
    user_id: str
    provider: str
    display_name: str | None
    base_url: str | None
    metadata: dict[str, Any] | None
    has_api_key: bool
    api_key_preview: str | None
    is_active: bool
    created_at: Timestamp
    updated_at: Timestamp


class ProviderActivationResponse(Answer):
    provider: ProviderConfiguration


class Pricing(Answer):
    """US dollars for a million tokens; null: not known."""

    currency: str = "USD"
    input: float | None
    output: float | None
    cached_input: float | None


class ProviderModel(Answer):
    provider: str
    id: str
    name: str
    description: str | None
    context_window: int | None
    max_output_tokens: int | None
    pricing: Pricing | None
    is_active: bool = True
    metadata: dict[str, Any] | None


class ModelImportRequest(Body):
    """`models` left out: all that the provider lists. `sync`: the provider is asked now, not its last list taken."""

    provider: ProviderId
    models: list[Annotated[Line, Field(min_length=1, max_length=300)]] | None = Field(None, max_length=500)
    sync: bool = True


class ModelDefaultRequest(Body):
    is_default: Literal[True] = True


class Settings(Answer):
    temperature: float
    max_tokens: int
    top_p: float
    frequency_penalty: float
    presence_penalty: float
    system_prompt: str | None
    metadata: dict[str, Any] | None


class ModelConfiguration(Answer):
    id: str
    user_id: str
    provider_id: str | None
    provider: str
    name: str
    model: str
    display_name: str | None
    description: str | None
    is_default: bool
    is_active: bool
    settings: Settings
    created_at: Timestamp
    updated_at: Timestamp
