"""What a provider is: an address, a wire protocol, a key; configured for the whole server or by one user."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from hearthside.kit.secret import Secret


class WireProtocol(StrEnum):
    """The wire protocols that have a provider."""

    OPENAI = "openai"
    ANTHROPIC = "anthropic"
    GEMINI = "gemini"
    OLLAMA = "ollama"
    LOCAL = "local"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where and how to reach a provider: what a stored or configured provider boils down to.

    `trusted` marks an address that an admin or the settings named: it may be private or loopback. Users' own addresses
    may be public ones only.
    """

    provider_id: str
    name: str
    protocol: WireProtocol
    base_url: str
    api_key: Secret | None
    trusted: bool


@dataclass(frozen=True, slots=True)
class BoundKey:
    """A key that somebody brings along in the place of the configured one, and the place that it was given for.

    `origin` is `scheme://host:port`: the key goes nowhere else, whatever becomes of the provider's address.
    """

    secret: Secret
    origin: str


@dataclass(frozen=True, slots=True)
class ProviderConfig:
    """A user's own provider as it is stored. The key itself stays in the store; `key_last_four` is its preview."""

    id: int
    uid: str
    user_id: int
    provider_id: str
    display_name: str | None
    base_url: str | None
    metadata: Mapping[str, Any]
    has_api_key: bool
    key_last_four: str
    is_active: bool
    created_at: datetime
    updated_at: datetime
