"""A provider that plays a script: the typed fake for every test above the wire, and for trying things without a model.

    provider = ScriptedProvider(says("Good ", "morning"))                 # deltas, usage, Finished
    provider = ScriptedProvider([TextDelta("Good "), gate, UpstreamFailed("…")])

A script is played for each call, the last one over and over. A `Gate` holds the stream until the test opens it.
"""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from itertools import count

from hearthside.gateway.model import Capabilities, Event, Finished, FinishReason, ModelInfo, Request, TextDelta, Usage
from hearthside.kit.errors import HearthsideError
from hearthside.providers.model import Endpoint


class Gate:
    """A place in a script where the stream waits. `reached` is set once it waits there."""

    def __init__(self) -> None:
        self.reached = asyncio.Event()
        self._opened = asyncio.Event()

    def open(self) -> None:
        self._opened.set()

    async def passed(self) -> None:
        self.reached.set()
        await self._opened.wait()


Step = Event | Gate | HearthsideError


def says(*deltas: str, usage: Usage | None = None, reason: FinishReason = FinishReason.STOP) -> list[Step]:
    """An ordinary reply. Usage unsaid: ten tokens in, one out for each delta."""
    counted = usage or Usage(input_tokens=10, output_tokens=len(deltas))
    return [*map(TextDelta, deltas), counted, Finished(reason)]


class ScriptedProvider:
    """`requests` are the calls so far, `endpoints` where they went.

    `closed` is set when a stream was left before the end of its script.
    """

    def __init__(self, *scripts: Sequence[Step], models: Sequence[ModelInfo] | HearthsideError = ()) -> None:
        self._scripts = scripts or (says("Hello"),)
        self._models = models or (ModelInfo("scripted", "Scripted", Capabilities(max_context_tokens=4096)),)
        self._calls = count()
        self.requests: list[Request] = []
        self.endpoints: list[Endpoint] = []
        self.closed = asyncio.Event()

    async def stream(self, endpoint: Endpoint, request: Request) -> AsyncGenerator[Event]:
        self.requests.append(request)
        self.endpoints.append(endpoint)
        script = self._scripts[min(next(self._calls), len(self._scripts) - 1)]
        try:
            for step in script:
                match step:
                    case Gate():
                        await step.passed()
                    case HearthsideError():
                        raise step
                    case _:
                        yield step
        except (GeneratorExit, asyncio.CancelledError):
            self.closed.set()
            raise

    async def models(self, endpoint: Endpoint) -> Sequence[ModelInfo]:
        del endpoint
        if isinstance(self._models, HearthsideError):
            raise self._models
        return self._models
