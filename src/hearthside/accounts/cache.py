"""Who a credential stands for, remembered for a few seconds."""

from dataclasses import dataclass

from hearthside.kit.actor import Actor
from hearthside.kit.clock import Clock

LIFE_SECONDS = 5.0
MOST_ENTRIES = 4096


@dataclass(frozen=True, slots=True)
class _Entry:
    actor: Actor
    until: float


class ActorCache:
    """Keys are digests of credentials. What changes somebody's rights calls `forget_user` after its commit.

    `version` guards against a race: a look-up that began before a revocation and ends after it must not put back what
    the revocation has removed. So whoever looks up takes the version first, and `put` drops what is older.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._entries: dict[str, _Entry] = {}
        self.version = 0

    def get(self, key: str) -> Actor | None:
        entry = self._entries.get(key)
        if entry is None:
            return None
        if entry.until <= self._clock.monotonic():
            del self._entries[key]
            return None
        return entry.actor

    def put(self, key: str, actor: Actor, *, version: int, seconds: float = LIFE_SECONDS) -> None:
        """Remembers for `seconds`, but never for more than LIFE_SECONDS."""
        if version != self.version:
            return
        if len(self._entries) >= MOST_ENTRIES:
            del self._entries[next(iter(self._entries))]
        self._entries[key] = _Entry(actor, self._clock.monotonic() + min(seconds, LIFE_SECONDS))

    def forget_user(self, user_id: int) -> None:
        self.version += 1
        self._entries = {key: entry for key, entry in self._entries.items() if entry.actor.user_id != user_id}
