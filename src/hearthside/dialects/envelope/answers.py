"""The envelope: `{success, data, error, metadata}` around every answer of this dialect, errors included.

Routes return `ok(data)`. The metadata is stamped by the response itself, when it is sent: so it says how long all of it
took, and answers that no route gave (an unknown path, a body that is too large) carry it too.
"""

import re
from datetime import UTC, datetime
from typing import Any, Generic, Literal, TypeVar

import msgspec
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from hearthside.dialects.arrival import Arrival

Data = TypeVar("Data")

# A client's own request id is taken where it is of the kind that the envelope promises (RFC 9562 §5.4).
REQUEST_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", re.IGNORECASE)


class Answer(BaseModel):
    """What stands in `data`, with the names of the document's older half: `created_at`."""

    # Compiled with the first answer of its kind, not while the server starts.
    model_config = ConfigDict(defer_build=True)


class CamelAnswer(BaseModel):
    """With those of its newer half: `createdAt`."""

    model_config = ConfigDict(defer_build=True, alias_generator=to_camel, validate_by_name=True)


class _Whole(BaseModel):
    """Fields with a default are always there all the same, and said to be."""

    model_config = ConfigDict(defer_build=True, json_schema_serialization_defaults_required=True)


class Metadata(_Whole):
    model_config = ConfigDict(alias_generator=to_camel)

    timestamp: str = Field(default="", examples=["2023-10-27T10:00:00.000Z"])
    request_id: str = Field(default="", description="A UUID version 4: that of X-Request-ID and of the server's log.")
    processing_time: float = Field(default=0, description="Milliseconds.", examples=[123.45])


class Success(_Whole, Generic[Data]):
    success: Literal[True] = True
    data: Data
    error: None = None
    metadata: Metadata = Field(default_factory=Metadata)  # stamped when it is sent


class Problem(Answer):
    """`fields` comes with "Validation failed": what is wrong with each field of the request."""

    message: str
    fields: dict[str, str] | None = None


class Failure(_Whole):
    success: Literal[False] = False
    data: None = None
    error: Problem
    metadata: Metadata = Field(default_factory=Metadata)


def ok(data: Data) -> Success[Data]:
    return Success(data=data)


class Enveloped(JSONResponse):
    """Sends a Success or a Failure, given as the mapping that it is in JSON, with its metadata."""

    def render(self, content: dict[str, Any]) -> bytes:
        self._content = content
        return b""  # the body is made when it is sent

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.body = msgspec.json.encode(self._content | {"metadata": _metadata(scope)})
        self.headers["content-length"] = str(len(self.body))
        await super().__call__(scope, receive, send)


def to_time(moment: datetime) -> str:
    """`2023-10-27T10:00:00.000Z`: UTC, to the millisecond."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _metadata(scope: Scope) -> dict[str, Any]:
    arrival = Arrival.of(scope)
    return {
        "timestamp": to_time(arrival.now()),
        "requestId": scope["state"]["request_id"],
        "processingTime": round(arrival.seconds * 1000, 2),
    }
