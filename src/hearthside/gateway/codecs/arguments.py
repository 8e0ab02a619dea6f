"""Tool arguments: JSON text in the core, an object in the protocols that are not OpenAI's."""

from typing import Any, cast

import msgspec


def to_object(arguments: str) -> dict[str, Any]:
    """What the model wrote; an empty object where that was not a JSON object, since no such call can be sent back."""
    try:
        value: Any = msgspec.json.decode(arguments or "{}")
    except (msgspec.DecodeError, RecursionError):
        return {}
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def to_text(arguments: Any) -> str:
    """Some servers send the text where the protocol says object."""
    return arguments if isinstance(arguments, str) else msgspec.json.encode(arguments or {}).decode()
