"""Text as it can be stored: without U+0000, which PostgreSQL refuses, and without halves of surrogate pairs."""

import re
from typing import Any, cast

_ODD = re.compile("[\0\ud800-\udfff]")


def storable(text: str) -> str:
    """Pairs of surrogates become the character that they stand for, lone ones U+FFFD; U+0000 goes."""
    if not _ODD.search(text):
        return text
    return text.replace("\0", "").encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def storable_json(value: Any) -> Any:
    """The same of every text and key in a JSON value, for JSON columns. The edge has bounded its depth."""
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, dict):
        return {storable(key): storable_json(item) for key, item in cast("dict[str, Any]", value).items()}
    if isinstance(value, (list, tuple)):
        return [storable_json(item) for item in cast("list[Any]", value)]
    return value
