"""Which model files have done harm, and when they may be tried again.

A file is known by its size, its time of change and the hash of its beginning: hashing 40 GB would take longer than the
load that it guards. Replacing or touching the file makes it a new one. The record lives as long as the server process.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from hearthside.engines.errors import broken, not_started
from hearthside.engines.model import Failure
from hearthside.engines.policy import EnginePolicy
from hearthside.kit.clock import Clock
from hearthside.kit.errors import HearthsideError

_HEAD_BYTES = 64 * 1024
_MAX_BACKOFF_SECONDS = 60
# A shorter pause is waited out by the request that meets it; for a longer one the client is told when to come back.
_PATIENCE_SECONDS = 2.0


def fingerprint(path: Path) -> str:
    """Blocks: call it in a thread. Raises OSError."""
    status = path.stat()
    with path.open("rb") as file:
        head = hashlib.sha256(file.read(_HEAD_BYTES)).hexdigest()
    return f"{status.st_size}-{status.st_mtime_ns}-{head}"


@dataclass(frozen=True, slots=True)
class _Fault:
    reason: str
    exit_code: int | None
    count: int
    at: float
    quarantined: bool


class Faults:
    def __init__(self, clock: Clock, policy: EnginePolicy) -> None:
        self._clock = clock
        self._policy = policy
        self._faults: dict[str, _Fault] = {}

    def note(self, file: str, reason: str, *, exit_code: int | None, blames_file: bool) -> Failure:
        """One more. The file is quarantined after the policy's number of them, where it is the one to blame."""
        before = self._recent(file)
        count = before.count + 1 if before else 1
        quarantined = blames_file and count >= self._policy.faults_until_quarantine
        self._faults[file] = _Fault(reason, exit_code, count, self._clock.monotonic(), quarantined)
        return Failure(reason, exit_code, None if quarantined else self._backoff_seconds(count))

    def pause_seconds(self, file: str) -> float:
        """How long to wait before the next try; 0: none. Raises Invalid in quarantine, Unavailable where it is long."""
        fault = self._recent(file)
        if fault is None:
            return 0
        if fault.quarantined:
            raise broken(
                f"it failed {fault.count} times and is left alone until the file changes; at last, {fault.reason}"
            )
        left = fault.at + self._backoff_seconds(fault.count) - self._clock.monotonic()
        if left > _PATIENCE_SECONDS:
            raise not_started(fault.reason, left)
        return max(left, 0)

    def as_error(self, failure: Failure, *, blames_file: bool) -> HearthsideError:
        """What those hear who waited for the try that failed."""
        if blames_file or failure.retry_after_seconds is None:
            return broken(failure.reason, retry_after_seconds=failure.retry_after_seconds)
        return not_started(failure.reason, failure.retry_after_seconds)

    def _recent(self, file: str) -> _Fault | None:
        fault = self._faults.get(file)
        if fault is None or fault.quarantined:
            return fault
        forgotten = self._clock.monotonic() - fault.at > self._policy.fault_memory_seconds
        return None if forgotten else fault

    def _backoff_seconds(self, count: int) -> float:
        return min(self._policy.backoff_seconds * 2 ** (count - 1), _MAX_BACKOFF_SECONDS)
