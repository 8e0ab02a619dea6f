"""A new master key for everything that is encrypted in the database, beside a running server."""

from collections.abc import Awaitable, Callable, Sequence

from hearthside.kit.db import Database
from hearthside.kit.errors import Unavailable
from hearthside.kit.keys import MasterKeys

_MOST_ROUNDS = 10

Renew = Callable[[], Awaitable[int]]
"""Encrypts anew with the present key what a slice keeps under an older one; how much that was. Small transactions:
killed at any moment, it goes on from there the next time."""


class KeyRotation:
    """Killed at any moment, it leaves everything readable: the previous key goes when nothing is left that needs it."""

    def __init__(self, database: Database, keys: MasterKeys, renewals: Sequence[Renew]) -> None:
        self._database = database
        self._keys = keys
        self._renewals = renewals

    @property
    def is_previous_set(self) -> bool:
        """The previous key is in the settings: whoever put it there is to take it away."""
        return self._keys.is_previous_set

    async def run(self) -> int:
        """How many stored keys were encrypted anew. Errors: ValueError, in words for people; Unavailable."""
        with self._keys.rotating():
            # Whoever had read the old key to encrypt with it was in a transaction; those that begin now read the new.
            await self._database.settled()
            total = 0
            for _ in range(_MOST_ROUNDS):
                renewed = await self._renew()
                if not renewed:
                    return total
                total += renewed
            raise Unavailable("A server goes on encrypting with the old master key. Restart it, and run this again.")

    async def _renew(self) -> int:
        return sum([await renew() for renew in self._renewals])
