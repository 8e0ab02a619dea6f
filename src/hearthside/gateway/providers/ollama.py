"""Ollama's own API, which tells more than the one it shares with OpenAI."""

import asyncio
from collections.abc import AsyncGenerator, Sequence

from hearthside.gateway.codecs.ollama import ChatReader, to_body, to_models
from hearthside.gateway.model import Event, ModelInfo, Request
from hearthside.gateway.upstream import CATALOGUE_TIMEOUTS, Call, Upstream
from hearthside.kit.errors import HearthsideError
from hearthside.kit.outbound import Timeouts
from hearthside.providers.model import Endpoint
from hearthside.wire.ndjson import NdjsonParser
from hearthside.wire.ollama import Model, Shown, decode_models, decode_shown

# It loads the model before the first byte: minutes, for a large one on a slow disk.
_TIMEOUTS = Timeouts(connect=5, first_byte=300, idle=60, total=3600)

_SHOWN_AT_ONCE = 8


class OllamaProvider:
    def __init__(self, upstream: Upstream) -> None:
        self._upstream = upstream

    def stream(self, endpoint: Endpoint, request: Request) -> AsyncGenerator[Event]:
        call = Call(
            endpoint,
            f"{_base(endpoint)}/api/chat",
            headers=_headers(endpoint),
            body=to_body(request),
            timeouts=_TIMEOUTS,
        )
        return self._upstream.events(call, ChatReader(), framing=NdjsonParser)

    async def models(self, endpoint: Endpoint) -> Sequence[ModelInfo]:
        url = f"{_base(endpoint)}/api/tags"
        call = Call(endpoint, url, headers=_headers(endpoint), timeouts=CATALOGUE_TIMEOUTS)
        models = await self._upstream.whole(call, decode_models)
        turns = asyncio.Semaphore(_SHOWN_AT_ONCE)
        shown = await asyncio.gather(*(self._shown(endpoint, model, turns) for model in models))
        return to_models(list(zip(models, shown, strict=True)))

    async def _shown(self, endpoint: Endpoint, model: Model, turns: asyncio.Semaphore) -> Shown | None:
        """What the model can do; a model that cannot be shown is listed with less."""
        url = f"{_base(endpoint)}/api/show"
        body = {"model": model.model or model.name}
        call = Call(endpoint, url, headers=_headers(endpoint), body=body, timeouts=CATALOGUE_TIMEOUTS)
        try:
            async with turns:
                return await self._upstream.whole(call, decode_shown)
        except HearthsideError:
            return None


def _base(endpoint: Endpoint) -> str:
    """People often give the address that it shares with OpenAI's clients."""
    return endpoint.base_url.rstrip("/").removesuffix("/v1").removesuffix("/api")


def _headers(endpoint: Endpoint) -> dict[str, str]:
    return {"Authorization": f"Bearer {endpoint.api_key.reveal()}"} if endpoint.api_key else {}
