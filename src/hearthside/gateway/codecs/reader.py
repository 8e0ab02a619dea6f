"""What every codec's reader of a stream has in common."""

from collections.abc import Iterable
from typing import Protocol

from hearthside.gateway.model import Event, Finished, FinishReason, Usage


class EventReader(Protocol):
    """Reads one reply, message of the stream by message. Used once."""

    def read(self, data: str) -> Iterable[Event]:
        """The deltas in one message. Raises msgspec.DecodeError (garbage) and `problems.Reported` (an error sent inside
        the stream)."""
        ...

    @property
    def is_over(self) -> bool:
        """The protocol's own end mark was read: nothing more will come."""
        ...

    def end(self) -> tuple[Event, ...]:
        """The last events: usage if it was told, then Finished. Empty where the reply was cut before its end."""
        ...


class Ending:
    """How a reply ends, gathered on the way: usage and reason come in either order, once or many times."""

    def __init__(self) -> None:
        self.usage: Usage | None = None
        self.reason: FinishReason | None = None

    def events(self) -> tuple[Event, ...]:
        if self.reason is None:
            return ()
        return (Finished(self.reason),) if self.usage is None else (self.usage, Finished(self.reason))
