"""OpenAI's chat completions and every server that speaks them: one provider for a dozen names."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from urllib.parse import urljoin

from hearthside.gateway.codecs.flavours import Flavour, adapted, flavour_of
from hearthside.gateway.codecs.openai_catalogue import to_models
from hearthside.gateway.codecs.openai_chat import ChatReader, to_body
from hearthside.gateway.model import Event, ModelInfo, Request
from hearthside.gateway.upstream import CATALOGUE_TIMEOUTS, Call, Upstream
from hearthside.kit.addresses import parse_url
from hearthside.kit.errors import HearthsideError, UpstreamFailed
from hearthside.providers.model import Endpoint
from hearthside.wire.openai_chat import decode_models


class OpenAIChatProvider:
    def __init__(self, upstream: Upstream) -> None:
        self._upstream = upstream

    async def stream(self, endpoint: Endpoint, request: Request) -> AsyncGenerator[Event]:
        """Asked again, in another manner, where the server refuses a field that the reply can do without."""
        flavour = flavour_of(parse_url(endpoint.base_url), endpoint.provider_id, request.model)
        while True:
            try:
                async with aclosing(self._events(endpoint, request, flavour)) as events:
                    async for event in events:
                        yield event
            except UpstreamFailed as error:
                other = adapted(flavour, error.message) if error.code == "provider_error" else None
                if other is None:
                    raise
                flavour = other
            else:
                return

    async def models(self, endpoint: Endpoint) -> Sequence[ModelInfo]:
        if endpoint.provider_id == "lmstudio":
            # Its own catalogue says more (context, vision, tools) than the one it shares with OpenAI.
            try:
                return await self._catalogue(endpoint, urljoin(endpoint.base_url, "/api/v0/models"))
            except HearthsideError:
                pass  # an older version: the shared one has the names at least
        return await self._catalogue(endpoint, f"{endpoint.base_url.rstrip('/')}/models")

    def _events(self, endpoint: Endpoint, request: Request, flavour: Flavour) -> AsyncGenerator[Event]:
        url = f"{endpoint.base_url.rstrip('/')}/chat/completions"
        call = Call(endpoint, url, headers=_headers(endpoint), body=to_body(request, flavour))
        return self._upstream.events(call, ChatReader())

    async def _catalogue(self, endpoint: Endpoint, url: str) -> Sequence[ModelInfo]:
        call = Call(endpoint, url, headers=_headers(endpoint), timeouts=CATALOGUE_TIMEOUTS)
        return to_models(await self._upstream.whole(call, decode_models))


def _headers(endpoint: Endpoint) -> dict[str, str]:
    return {"Authorization": f"Bearer {endpoint.api_key.reveal()}"} if endpoint.api_key else {}
