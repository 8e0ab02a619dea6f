"""Requests that many tests send, and a short way to read a reply."""

from collections.abc import Iterable

from hearthside.gateway.codecs.reader import EventReader
from hearthside.gateway.model import Event, Image, Message, Request, Role, Sampling, Text, Tool, ToolCall

PIXEL = "data:image/png;base64,iVBORw0KGgo="

SCHEMA = {
    "type": "object",
    "properties": {"answer": {"type": "string"}},
    "required": ["answer"],
    "additionalProperties": False,
}

WEATHER = Tool("weather", "The weather somewhere.", {"type": "object", "properties": {"city": {"type": "string"}}})


def system(text: str) -> Message:
    return Message(Role.SYSTEM, (Text(text),))


def user(*parts: str | Image) -> Message:
    return Message(Role.USER, tuple(Text(part) if isinstance(part, str) else part for part in parts))


def assistant(text: str, *calls: ToolCall) -> Message:
    return Message(Role.ASSISTANT, (Text(text),) if text else (), tool_calls=calls)


def result(call_id: str, text: str) -> Message:
    return Message(Role.TOOL, (Text(text),), tool_call_id=call_id)


HELLO = Request("m", (user("Hello"),))

TOOL_TALK = Request(
    "m",
    (
        system("Be brief."),
        user("Weather in Bern and Thun?"),
        assistant(
            "Let me look.", ToolCall("c1", "weather", '{"city":"Bern"}'), ToolCall("c2", "weather", '{"city":"Thun"}')
        ),
        result("c1", '{"sky":"clear"}'),
        result("c2", "rain"),
    ),
    tools=(WEATHER,),
)

FULL_SAMPLING = Sampling(
    temperature=1.5, top_p=0.9, max_tokens=100, frequency_penalty=0.1, presence_penalty=0.2, seed=7, stop=("END",)
)


def read_all(reader: EventReader, messages: Iterable[str]) -> list[Event]:
    """The events of a stream; what follows its end mark is not read."""
    events: list[Event] = []
    for message in messages:
        events.extend(reader.read(message))
        if reader.is_over:
            break
    return [*events, *reader.end()]
