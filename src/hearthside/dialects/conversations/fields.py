"""What requests are made of: kinds of text, ids, cursors, with their bounds."""

import re
from typing import Annotated, Any

from fastapi import Path, Query
from pydantic import AfterValidator, BeforeValidator, Field

from hearthside.conversations.text import storable

MAX_ID = 2**63 - 1
MAX_PAGE = 1000

NEXT_CURSOR = "X-Next-Cursor"
# What a list that comes in pages says in /openapi.json beside its body.
PAGED: dict[int | str, dict[str, Any]] = {
    200: {"headers": {NEXT_CURSOR: {"description": "`cursor` of the next page", "schema": {"type": "string"}}}}
}

_UNSTORABLE = re.compile("[\0\ud800-\udfff]")


def _check_storable(text: str) -> str:
    if _UNSTORABLE.search(text):
        raise ValueError("U+0000 and halves of surrogate pairs are not allowed")
    return text


def _made_storable(value: Any) -> Any:
    return storable(value) if isinstance(value, str) else value


# A name or an id, which is stored or looked up exactly as it is, or not at all.
Line = Annotated[str, AfterValidator(_check_storable)]
# What people write: nobody loses a long message to one odd character.
Prose = Annotated[str, BeforeValidator(_made_storable)]
Title = Annotated[Prose, Field(min_length=1, max_length=500)]
Id = Annotated[int, Path(le=MAX_ID)]
Uid = Annotated[Line, Path(max_length=200)]
Cursor = Annotated[Line | None, Query(max_length=500, description="X-Next-Cursor of the page before")]
Limit = Annotated[int, Query(ge=1, le=MAX_PAGE, description="How many at most")]
