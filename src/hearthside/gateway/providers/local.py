"""Models that the server runs itself: a lease on the engine, then OpenAI's protocol on the model's unix socket."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Any

from hearthside.engines.model import EngineAddress, LocalModel
from hearthside.engines.service import LocalEngine
from hearthside.gateway.codecs.openai_chat import ChatReader, to_body
from hearthside.gateway.model import Capabilities, Event, ModelInfo, Request
from hearthside.gateway.providers.ember_prompt import to_ember
from hearthside.gateway.upstream import Call, Upstream
from hearthside.kit.outbound import Timeouts
from hearthside.providers.model import Endpoint

# Reading a long prompt on a slow machine takes minutes, but is reported batch by batch.
_TIMEOUTS = Timeouts(connect=5, first_byte=120, idle=120, total=3600)
# llama.cpp notices that the client is gone when it writes: without the progress of the prompt, half a minute late.
_NOTICE_DISCONNECT: Mapping[str, Any] = {"return_progress": True}


class LocalProvider:
    """Beside the errors of every provider, those of `LocalEngine.lease`."""

    def __init__(self, engine: LocalEngine, upstream: Upstream) -> None:
        self._engine = engine
        self._upstream = upstream

    async def stream(self, endpoint: Endpoint, request: Request) -> AsyncGenerator[Event]:
        model = await self._engine.find(request.model)
        async with (
            self._engine.lease(model.id, user=request.user) as address,
            aclosing(self._events(endpoint, address, _fitted(request, model, address))) as events,
        ):
            async for event in events:
                yield event

    async def models(self, endpoint: Endpoint) -> Sequence[ModelInfo]:
        del endpoint
        return [self._listed(model) for model in await self._engine.models() if model.problem is None]

    def _events(self, endpoint: Endpoint, address: EngineAddress, request: Request) -> AsyncGenerator[Event]:
        call = Call(
            replace(endpoint, api_key=address.api_key),
            f"{address.base_url}/v1/chat/completions",
            headers={"Authorization": f"Bearer {address.api_key.reveal()}"},
            body={**to_body(request), **_NOTICE_DISCONNECT},
            timeouts=_TIMEOUTS,
            unix_socket=address.unix_socket,
        )
        return self._upstream.events(call, ChatReader())

    def _listed(self, model: LocalModel) -> ModelInfo:
        capabilities = Capabilities(
            tools=model.takes_tools, json_mode=True, max_context_tokens=self._engine.context_tokens(model)
        )
        return ModelInfo(model.id, model.label, capabilities, description=model.description or None)


def _fitted(request: Request, model: LocalModel, address: EngineAddress) -> Request:
    return to_ember(request, address.context_tokens) if model.built_in else request
