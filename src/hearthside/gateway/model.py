"""What is asked of a model and what comes back: the one vocabulary between the core and every provider.

A `Provider` speaks one wire protocol. It turns a `Request` into the upstream's shape, and the upstream's stream into
the `Event` union: any number of deltas, at most one `Usage`, then exactly one `Finished`. Failures are raised, as the
kinds of `kit.errors` with the codes of `gateway/failures.py`; a stream that ends without `Finished` was cut and is one.
"""

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from hearthside.providers.model import Endpoint
from hearthside.usage.model import TokenPrices


class Role(StrEnum):
    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"
    TOOL = "tool"


@dataclass(frozen=True, slots=True)
class Text:
    text: str


@dataclass(frozen=True, slots=True)
class Image:
    """A picture: `url` is https:// or a data: URL. The server never fetches it; it is handed to the provider."""

    url: str


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call that the model asked for; `arguments` is the JSON text as the model wrote it."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Message:
    """One turn. `tool_call_id` names the call that a `tool` message answers.

    A trailing assistant message is a beginning that the model is to continue (prefill).
    """

    role: Role
    content: tuple[Text | Image, ...] = ()
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str | None = None

    @property
    def text(self) -> str:
        return "".join(part.text for part in self.content if isinstance(part, Text))


@dataclass(frozen=True, slots=True)
class Tool:
    """`parameters` is a JSON Schema of the arguments."""

    name: str
    description: str
    parameters: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Sampling:
    """How to choose tokens; None leaves it to the provider. temperature 0-2, top_p 0-1, penalties -2 to 2."""

    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    seed: int | None = None
    stop: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Request:
    """One generation. `model` is the provider's own name for it.

    `json_schema`: the answer must be JSON that this schema accepts (None: free text).
    `user` is an opaque id of the person, for fair queues; it is never sent to a provider.
    """

    model: str
    messages: tuple[Message, ...]
    sampling: Sampling = field(default_factory=Sampling)
    tools: tuple[Tool, ...] = ()
    json_schema: Mapping[str, Any] | None = None
    user: str = ""


@dataclass(frozen=True, slots=True)
class TextDelta:
    text: str


@dataclass(frozen=True, slots=True)
class ReasoningDelta:
    """Thinking that the provider shows; not part of the answer."""

    text: str


@dataclass(frozen=True, slots=True)
class ToolCallDelta:
    """A piece of tool call `index`; `id` and `name` come with its first piece, "" later."""

    index: int
    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens as the provider counted them. `input_tokens` includes the cached ones, `output_tokens` the reasoning."""

    input_tokens: int
    output_tokens: int
    cached_input_tokens: int = 0
    reasoning_tokens: int = 0

    @property
    def total_tokens(self) -> int:
        return self.input_tokens + self.output_tokens


class FinishReason(StrEnum):
    STOP = "stop"
    LENGTH = "length"
    TOOL_CALLS = "tool_calls"
    CONTENT_FILTER = "content_filter"


@dataclass(frozen=True, slots=True)
class Finished:
    reason: FinishReason


Event = TextDelta | ReasoningDelta | ToolCallDelta | Usage | Finished


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a model can do. `max_context_tokens` None: not known."""

    streaming: bool = True
    vision: bool = False
    tools: bool = False
    json_mode: bool = False
    max_context_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """A model as its provider lists it. `id` is what a Request names; `label` is for people.

    None means not known: providers say little. `prices` is what the provider itself says; models/catalogue.py adds what
    the price list knows.
    """

    id: str
    label: str
    capabilities: Capabilities
    max_output_tokens: int | None = None
    description: str | None = None
    prices: TokenPrices | None = None


class Provider(Protocol):
    """One wire protocol. Stateless but for connections: the endpoint comes with every call."""

    def stream(self, endpoint: Endpoint, request: Request) -> AsyncGenerator[Event]:
        """The reply. Closing the generator ends the upstream request at once.

        Errors: UpstreamFailed, UpstreamTimeout, RateLimited, Unavailable, Invalid (the model refuses the request).
        """
        ...

    async def models(self, endpoint: Endpoint) -> Sequence[ModelInfo]:
        """The catalogue; the same errors."""
        ...
