"""What the catalogue shows: providers with their models."""

from dataclasses import dataclass

from hearthside.gateway.model import Capabilities, ModelInfo


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
