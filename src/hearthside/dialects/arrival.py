"""When a request came in: what X-Process-Time and the metadata of answers measure from."""

from datetime import datetime
from typing import Self

from starlette.types import Scope

from hearthside.kit.clock import Clock


class Arrival:
    """dialects/edge.py puts one into the state of every request."""

    KEY = "arrival"

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._at = clock.monotonic()

    @classmethod
    def of(cls, scope: Scope) -> Self:
        arrival: Self = scope["state"][cls.KEY]
        return arrival

    @property
    def seconds(self) -> float:
        """How long ago it was."""
        return self._clock.monotonic() - self._at

    def now(self) -> datetime:
        return self._clock.now()
