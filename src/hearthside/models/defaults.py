"""The default model of each user, for `models/catalogue.py`."""

from hearthside.kit.db import Database
from hearthside.models import store


class SavedDefaults:
    """What users have set as their default among their saved models."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def default_of(self, user_id: int) -> tuple[str, str] | None:
        """(provider id, model); None for a user who has none."""
        async with self._database.read() as connection:
            saved = await store.default_of(connection, user_id)
        return None if saved is None else (saved.provider_id, saved.model)
