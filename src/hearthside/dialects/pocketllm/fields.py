"""What requests are made of: kinds of text and numbers, with their bounds."""

import re
from datetime import date
from typing import Annotated, Any

from fastapi import Path, Query
from pydantic import AfterValidator, BeforeValidator, Field

from hearthside.kit.text import storable

MAX_PAGE = 100
MAX_TOKENS = 10_000_000

NEXT_CURSOR = "X-Next-Cursor"
# What a list that comes in pages says in /openapi.json beside its body.
PAGED: dict[int | str, dict[str, Any]] = {
    200: {"headers": {NEXT_CURSOR: {"description": "`cursor` of the next page", "schema": {"type": "string"}}}}
}
INCOMPLETE = "X-Catalogue-Incomplete"
CATALOGUE: dict[int | str, dict[str, Any]] = {
    200: {"headers": {INCOMPLETE: {"description": "Providers that did not answer", "schema": {"type": "string"}}}}
}

_UNSTORABLE = re.compile("[\0\ud800-\udfff]")
_DATE = re.compile(r"\d{4}-\d\d-\d\d")


def _check_storable(text: str) -> str:
    if _UNSTORABLE.search(text):
        raise ValueError("U+0000 and halves of surrogate pairs are not allowed")
    return text


def _made_storable(value: Any) -> Any:
    return storable(value) if isinstance(value, str) else value


def _to_date(value: Any) -> Any:
    """Strictly YYYY-MM-DD: pydantic alone would also take a number of seconds."""
    if not isinstance(value, str) or not _DATE.fullmatch(value):
        raise ValueError("must be a date: YYYY-MM-DD")
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise ValueError("there is no such day") from None


def _to_provider_id(value: Any) -> Any:
    return value.strip().lower() if isinstance(value, str) else value


# A name or an id, which is stored or looked up exactly as it is, or not at all.
Line = Annotated[str, AfterValidator(_check_storable)]
# What people write: nobody loses a long message to one odd character.
Prose = Annotated[str, BeforeValidator(_made_storable)]
Title = Annotated[Prose, Field(min_length=1, max_length=120)]
Content = Annotated[Prose, Field(min_length=1, max_length=200_000)]
Day = Annotated[date, BeforeValidator(_to_date)]
Email = Annotated[Line, Field(min_length=3, max_length=320)]
Password = Annotated[str, Field(min_length=8, max_length=1024)]
Secret = Annotated[Line, Field(min_length=1, max_length=1000)]
ProviderId = Annotated[Line, BeforeValidator(_to_provider_id), Field(min_length=1, max_length=64)]
Uid = Annotated[Line, Field(min_length=1, max_length=200)]

UidInPath = Annotated[Line, Path(max_length=200)]
ProviderInPath = Annotated[Line, BeforeValidator(_to_provider_id), Path(max_length=200)]
Limit = Annotated[int, Query(ge=1, le=MAX_PAGE, description="How many at most")]
Cursor = Annotated[Line | None, Query(max_length=500, description="X-Next-Cursor of the page before")]
Search = Annotated[Line | None, Query(max_length=500, description="Part of a name, an id or a description")]
