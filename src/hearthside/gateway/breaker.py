"""Spares callers the wait for a provider that is known to be away."""

from dataclasses import dataclass

from hearthside.gateway.failures import failure
from hearthside.kit.clock import Clock
from hearthside.kit.errors import HearthsideError
from hearthside.providers.model import Endpoint

_FAILURES_TO_OPEN = 6
_OPEN_SECONDS = 10.0
_MOST_REMEMBERED = 1000
_AWAY = frozenset({"provider_unreachable", "provider_timeout"})


@dataclass(slots=True)
class _Record:
    failures: int = 0
    next_try: float = 0.0


class Breaker:
    """After six failures in a row to reach an address, calls to it fail at once for ten seconds; then one is let
    through to try, and its outcome decides. An answer of any kind, an error too, shows that the provider is there."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._records: dict[tuple[str, str], _Record] = {}

    def check(self, endpoint: Endpoint) -> None:
        """Raises Unavailable provider_unreachable while the provider is taken to be away."""
        record = self._records.get(_key(endpoint))
        if record is None or record.failures < _FAILURES_TO_OPEN:
            return
        wait = record.next_try - self._clock.monotonic()
        if wait > 0:
            raise failure("provider_unreachable", endpoint, retry_after_seconds=wait)
        record.next_try = self._clock.monotonic() + _OPEN_SECONDS  # this call tries; the others go on waiting

    def succeeded(self, endpoint: Endpoint) -> None:
        self._records.pop(_key(endpoint), None)

    def failed(self, endpoint: Endpoint, error: HearthsideError) -> None:
        if error.code not in _AWAY:
            self.succeeded(endpoint)
            return
        if len(self._records) >= _MOST_REMEMBERED:
            self._records.pop(next(iter(self._records)))
        record = self._records.setdefault(_key(endpoint), _Record())
        record.failures += 1
        record.next_try = self._clock.monotonic() + _OPEN_SECONDS


def _key(endpoint: Endpoint) -> tuple[str, str]:
    return endpoint.provider_id, endpoint.base_url
