"""Pages of long lists: what a page is, and the cursor that asks for the next one.

Keyset pagination: a cursor is the sort key of the last item seen, so that a page costs the same wherever it stands and
nothing is skipped or doubled when items are added meanwhile. Cursors are opaque to clients, and no secret.
"""

import base64
import binascii
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Generic, TypeVar

from hearthside.kit.errors import Invalid

Item = TypeVar("Item")

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_MAX_ID = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Page(Generic[Item]):
    """`next_cursor` None: there is no more."""

    items: tuple[Item, ...]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class Key:
    """Where an item stands in a list that is sorted by time and, at the same time, by id."""

    at: datetime
    id: int


def to_cursor(key: Key) -> str:
    return base64.urlsafe_b64encode(f"{(key.at - _EPOCH) // _MICROSECOND}.{key.id}".encode()).decode().rstrip("=")


def from_cursor(cursor: str) -> Key:
    """Errors: Invalid (invalid_cursor)."""
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode("ascii")
        microseconds, _, identifier = text.partition(".")
        key = Key(_EPOCH + _MICROSECOND * int(microseconds), int(identifier))
        if not 0 <= key.id <= _MAX_ID:  # no database takes it
            raise ValueError
    except (ValueError, OverflowError, binascii.Error):
        raise Invalid("The cursor is not one that this server gave.", code="invalid_cursor") from None
    return key
