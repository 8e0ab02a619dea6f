"""What requests are made of: kinds of text and numbers, with their bounds."""

import json
import re
from datetime import date
from typing import Annotated, Any
from urllib.parse import urlsplit

from fastapi import Path, Query
from pydantic import AfterValidator, BeforeValidator, Field

from hearthside.kit.text import storable, storable_json

MAX_INT = 2**31 - 1

_UNSTORABLE = re.compile("[\0\ud800-\udfff]")
_DATE = re.compile(r"\d{4}-\d\d-\d\d")


def _check_storable(text: str) -> str:
    if _UNSTORABLE.search(text):
        raise ValueError("U+0000 and halves of surrogate pairs are not allowed")
    return text


def _made_storable(value: Any) -> Any:
    return storable(value) if isinstance(value, str) else value


def _check_web_address(text: str) -> str:
    try:
        parts = urlsplit(text)
        good = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        good = False
    if not good or not text.isprintable() or " " in text:
        raise ValueError("must be an http or https URL")
    return text


def _to_date(value: Any) -> Any:
    """Strictly YYYY-MM-DD: pydantic alone would also take a number of seconds."""
    if not isinstance(value, str) or not _DATE.fullmatch(value):
        raise ValueError("must be a date: YYYY-MM-DD")
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise ValueError("there is no such day") from None


def _made_storable_json(value: Any) -> Any:
    try:
        json.dumps(value, allow_nan=False)
    except ValueError:
        raise ValueError("NaN and Infinity are not JSON") from None
    return storable_json(value)


# A name or an id, which is stored or looked up exactly as it is, or not at all.
Line = Annotated[str, AfterValidator(_check_storable)]
# What people write: nobody loses a long message to one odd character.
Prose = Annotated[str, BeforeValidator(_made_storable)]
Title = Annotated[Prose, Field(min_length=1, max_length=255)]
Day = Annotated[date, BeforeValidator(_to_date)]
WebAddress = Annotated[Line, Field(max_length=2000), AfterValidator(_check_web_address)]
JsonObject = Annotated[dict[str, Any], BeforeValidator(_made_storable_json), Field(max_length=100)]
Password = Annotated[str, Field(min_length=8, max_length=1024)]
Secret = Annotated[Line, Field(min_length=1, max_length=1000)]
Temperature = Annotated[float, Field(ge=0, le=2, allow_inf_nan=False)]
TokenCount = Annotated[int, Field(gt=0, le=MAX_INT)]

Uid = Annotated[Line, Path(max_length=200)]
Limit = Annotated[int, Query(ge=1, le=100, description="How many at most")]
Offset = Annotated[int, Query(ge=0, le=MAX_INT, description="How many to skip")]
