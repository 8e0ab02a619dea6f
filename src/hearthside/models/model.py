"""What the catalogue shows, and what a user has saved of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from hearthside.gateway.model import Capabilities, ModelInfo, Sampling


@dataclass(frozen=True, slots=True)
class ProviderListing:
    """One provider that a user can use, with what it last listed.

    `reachable` False: it did not answer the last time; `models` is then what it listed before, or nothing.
    `capabilities` are those that at least one of its models has.
    """

    provider_id: str
    name: str
    capabilities: Capabilities
    models: tuple[ModelInfo, ...]
    reachable: bool


@dataclass(frozen=True, slots=True)
class ListedModel:
    """A model and the provider that lists it."""

    provider_id: str
    info: ModelInfo


@dataclass(frozen=True, slots=True)
class Offer:
    """What there is to choose from. `incomplete` names the providers that did not list theirs just now."""

    models: tuple[ListedModel, ...] = ()
    incomplete: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ModelSettings:
    """How a saved model is to reply. temperature 0-2, top_p 0-1, penalties -2 to 2.

    `metadata` and `additional_params` are the client's own: kept, given back, and not looked into.
    """

    temperature: float = 0.7
    max_tokens: int = 2048
    top_p: float = 1.0
    frequency_penalty: float = 0.0
    presence_penalty: float = 0.0
    system_prompt: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict[str, Any])
    additional_params: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def sampling(self) -> Sampling:
        return Sampling(
            temperature=self.temperature,
            top_p=self.top_p,
            max_tokens=self.max_tokens,
            frequency_penalty=self.frequency_penalty,
            presence_penalty=self.presence_penalty,
        )


@dataclass(frozen=True, slots=True)
class Selection:
    """A model to import: `model` is the provider's own name for it; what is not said comes from its list."""

    model: str
    name: str | None = None
    description: str | None = None


@dataclass(frozen=True, slots=True)
class SavedModel:
    """A model that a user has saved: there is one for each (user, provider, model), and at most one is the default.

    `provider_uid` and `base_url` are those of the user's own provider; None where it is the server's. `is_active` is
    False while that provider is switched off.
    """

    id: int
    uid: str
    user_id: int
    provider_id: str
    model: str
    name: str
    display_name: str | None
    description: str | None
    settings: ModelSettings
    is_default: bool
    created_at: datetime
    updated_at: datetime
    last_used_at: datetime | None
    provider_uid: str | None = None
    base_url: str | None = None
    is_active: bool = True
