"""What the JSON of document 0 has in common; the schemas stand by subject in the files beside this one.

Requests are strict: unknown fields are refused, and a number in quotes is not a number. Times are ISO 8601 in UTC.
"""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

Timestamp = Annotated[str, Field(examples=["2024-01-15T10:30:00.000000Z"])]
Metadata = Annotated[dict[str, Any], Field(max_length=100)]


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class Answer(BaseModel):
    # Compiled with the first answer of its kind, not while the server starts.
    model_config = ConfigDict(defer_build=True)


class Problem(Answer):
    """`loc` is the way to the field: `["body", "title"]`."""

    loc: list[str]
    msg: str
    type: str


class Failure(Answer):
    """Every error: in words, or field by field (422)."""

    detail: str | list[Problem]
