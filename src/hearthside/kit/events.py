"""The event log: numbered streams that a client can leave and come back to. (To be written; the types are settled.)"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class LoggedEvent:
    """Event `seq` (1, 2, 3, … without a gap) of a stream. `data` is a JSON object."""

    seq: int
    type: str
    data: Mapping[str, Any]
