"""Which model to use where nobody has chosen one: pure rules over what providers list."""

from collections.abc import Sequence

from hearthside.gateway.model import ModelInfo
from hearthside.models.model import ProviderListing
from hearthside.providers.model import WireProtocol

# What providers list beside chat models; their names are the only thing that tells them apart.
NOT_FOR_CHAT = (
    "audio", "babbage", "bge-", "dall-e", "davinci", "embed", "guard", "image", "moderation", "omni-moderation",
    "realtime", "rerank", "sora", "speech", "transcribe", "tts", "veo", "video", "whisper",
)  # fmt: skip

BUILT_IN_MODEL = "ember"


def preferred(listing: ProviderListing) -> ModelInfo | None:
    """The first model of a provider that chats; the built-in one only where there is no other."""
    chatting = [model for model in listing.models if not any(word in model.id.lower() for word in NOT_FOR_CHAT)]
    if listing.provider_id == WireProtocol.LOCAL:
        chatting.sort(key=lambda model: model.id == BUILT_IN_MODEL)
    return chatting[0] if chatting else next(iter(listing.models), None)


def best(listings: Sequence[ProviderListing]) -> tuple[str, str] | None:
    """(provider id, model id): a provider that somebody configured or started, then a local file, then the built-in."""
    for listing in sorted(listings, key=lambda one: one.provider_id == WireProtocol.LOCAL):
        model = preferred(listing)
        if model is not None:
            return listing.provider_id, model.id
    return None
