"""Google's Gemini API."""

import re
from collections.abc import AsyncGenerator, Sequence
from urllib.parse import quote

from hearthside.gateway.codecs.gemini import ContentReader, to_body, to_models
from hearthside.gateway.model import Event, ModelInfo, Request
from hearthside.gateway.upstream import CATALOGUE_TIMEOUTS, Call, Upstream
from hearthside.providers.model import Endpoint
from hearthside.wire.gemini import decode_models

_VERSIONED = re.compile(r"/v\d[a-z0-9]*$")


class GeminiProvider:
    def __init__(self, upstream: Upstream) -> None:
        self._upstream = upstream

    def stream(self, endpoint: Endpoint, request: Request) -> AsyncGenerator[Event]:
        model = quote(request.model.removeprefix("models/"), safe="")
        url = f"{_base(endpoint)}/models/{model}:streamGenerateContent?alt=sse"
        call = Call(endpoint, url, headers=_headers(endpoint), body=to_body(request))
        return self._upstream.events(call, ContentReader())

    async def models(self, endpoint: Endpoint) -> Sequence[ModelInfo]:
        url = f"{_base(endpoint)}/models?pageSize=1000"
        call = Call(endpoint, url, headers=_headers(endpoint), timeouts=CATALOGUE_TIMEOUTS)
        return to_models(await self._upstream.whole(call, decode_models))


def _base(endpoint: Endpoint) -> str:
    base = endpoint.base_url.rstrip("/")
    return base if _VERSIONED.search(base) else f"{base}/v1beta"


def _headers(endpoint: Endpoint) -> dict[str, str]:
    """In a header, never in the URL, which proxies log."""
    return {"x-goog-api-key": endpoint.api_key.reveal()} if endpoint.api_key else {}
