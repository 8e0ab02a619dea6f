"""Anthropic's Messages API."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from hearthside.gateway.codecs.anthropic import MessageReader, to_body, to_models
from hearthside.gateway.codecs.flavours import refuses_sampling
from hearthside.gateway.model import Event, ModelInfo, Request
from hearthside.gateway.upstream import CATALOGUE_TIMEOUTS, Call, Upstream
from hearthside.kit.errors import UpstreamFailed
from hearthside.providers.model import Endpoint
from hearthside.wire.anthropic import VERSION, decode_models


class AnthropicProvider:
    def __init__(self, upstream: Upstream) -> None:
        self._upstream = upstream

    async def stream(self, endpoint: Endpoint, request: Request) -> AsyncGenerator[Event]:
        """Asked again without temperature and top_p where the model takes none."""
        try:
            async with aclosing(self._events(endpoint, request, sampling=True)) as events:
                async for event in events:
                    yield event
        except UpstreamFailed as error:
            if error.code != "provider_error" or not refuses_sampling(error.message):
                raise
        else:
            return
        async with aclosing(self._events(endpoint, request, sampling=False)) as events:
            async for event in events:
                yield event

    async def models(self, endpoint: Endpoint) -> Sequence[ModelInfo]:
        url = f"{_base(endpoint)}/v1/models?limit=1000"
        call = Call(endpoint, url, headers=_headers(endpoint), timeouts=CATALOGUE_TIMEOUTS)
        return to_models(await self._upstream.whole(call, decode_models))

    def _events(self, endpoint: Endpoint, request: Request, *, sampling: bool) -> AsyncGenerator[Event]:
        body = to_body(request, sampling=sampling)
        call = Call(endpoint, f"{_base(endpoint)}/v1/messages", headers=_headers(endpoint), body=body)
        return self._upstream.events(call, MessageReader(request))


def _base(endpoint: Endpoint) -> str:
    """Its clients take the address without the version, people write it with it."""
    return endpoint.base_url.rstrip("/").removesuffix("/v1")


def _headers(endpoint: Endpoint) -> dict[str, str]:
    key = {"x-api-key": endpoint.api_key.reveal()} if endpoint.api_key else {}
    return {"anthropic-version": VERSION, **key}
