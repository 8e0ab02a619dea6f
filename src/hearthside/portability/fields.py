"""Reading the fields of JSON that anybody may have written: what is not of the kind expected counts as not there."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, cast

Json = Mapping[str, Any]

_NOTHING: Json = {}


def text(raw: Json, name: str) -> str:
    value = raw.get(name)
    return value if isinstance(value, str) else ""


def text_or_none(raw: Json, name: str) -> str | None:
    return text(raw, name) or None


def number(raw: Json, name: str) -> float | None:
    value = raw.get(name)
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def mapping(raw: Json, name: str) -> Json:
    value = raw.get(name)
    return cast(Json, value) if isinstance(value, dict) else _NOTHING


def objects(raw: Json, name: str) -> list[Json]:
    """Those items of a list that are objects."""
    return [cast(Json, item) for item in items(raw, name) if isinstance(item, dict)]


def items(raw: Json, name: str) -> list[Any]:
    value = raw.get(name)
    return cast("list[Any]", value) if isinstance(value, list) else []


def moment(raw: Json, name: str) -> datetime | None:
    """A time, as ISO 8601 (UTC where it names no zone) or as seconds since 1970."""
    value = raw.get(name)
    try:
        if isinstance(value, str):
            parsed = datetime.fromisoformat(value)
            return parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return datetime.fromtimestamp(value, UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return None
