"""Which JSON Schemas a provider takes as binding: their constrained decoders know a part of the language only."""

from collections.abc import Iterator, Mapping
from typing import Any, cast


def is_closed(schema: Any) -> bool:
    """Whether every object refuses other properties and requires all of its own: what OpenAI's `strict` and Anthropic's
    output format ask for (https://platform.openai.com/docs/guides/structured-outputs#supported-schemas)."""
    return all(_is_closed_object(node) for node in _nodes(schema))


def uses(schema: Any, keywords: frozenset[str]) -> bool:
    """Whether one of the keywords stands anywhere in the schema. A property of that name counts too: better safe."""
    return any(keywords & node.keys() for node in _nodes(schema))


def _is_closed_object(node: Mapping[str, Any]) -> bool:
    if node.get("type") != "object" and not isinstance(node.get("properties"), Mapping):
        return True
    properties: Any = node.get("properties", {})
    required: Any = node.get("required", [])
    return node.get("additionalProperties") is False and set(properties) == set(required)


def _nodes(value: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(value, Mapping):
        node = cast("Mapping[str, Any]", value)
        yield node
        for child in node.values():
            yield from _nodes(child)
    elif isinstance(value, (list, tuple)):
        for child in cast("list[Any]", value):
            yield from _nodes(child)
