"""SQL on users' own providers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from hearthside.kit.db import BigId, Instant, metadata
from hearthside.kit.ids import new_uid
from hearthside.providers.model import ProviderConfig

provider_config = sa.Table(
    "provider_config",
    metadata,
    sa.Column("id", BigId, primary_key=True, autoincrement=True),
    sa.Column("uid", sa.String(36), nullable=False, unique=True),
    sa.Column("user_id", BigId, nullable=False),
    sa.Column("provider_id", sa.String(64), nullable=False),
    sa.Column("display_name", sa.String(200)),
    sa.Column("base_url", sa.String(2000)),
    sa.Column("metadata", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False),
    sa.Column("api_key", sa.Text),
    sa.Column("key_last_four", sa.String(4), nullable=False),
    sa.Column("is_active", sa.Boolean, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("updated_at", Instant, nullable=False),
    sa.UniqueConstraint("user_id", "provider_id"),
    sqlite_autoincrement=True,
)
_c = provider_config.c


@dataclass(frozen=True, slots=True)
class StoredConfig:
    """A configuration and its key as it is stored, encrypted."""

    config: ProviderConfig
    sealed_key: str | None


async def configs_of(connection: AsyncConnection, user_id: int) -> list[StoredConfig]:
    statement = sa.select(provider_config).where(_c.user_id == user_id).order_by(_c.id)
    return [_stored(row) for row in (await connection.execute(statement)).mappings()]


async def find(
    connection: AsyncConnection, user_id: int, provider_id: str, *, to_change: bool = False
) -> StoredConfig | None:
    """`to_change` locks the row until the transaction ends; SQLite's writer is alone anyway."""
    statement = sa.select(provider_config).where(_c.user_id == user_id, _c.provider_id == provider_id)
    if to_change:
        statement = statement.with_for_update()
    row = (await connection.execute(statement)).mappings().one_or_none()
    return _stored(row) if row else None


async def add_blank(connection: AsyncConnection, user_id: int, provider_id: str, *, now: datetime) -> None:
    """A configuration that says nothing yet; one that is there stays as it is."""
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    blank = {"uid": new_uid(), "user_id": user_id, "provider_id": provider_id, "created_at": now, "updated_at": now}
    blank |= {"metadata": {}, "key_last_four": "", "is_active": False}
    await connection.execute(insert(provider_config).values(**blank).on_conflict_do_nothing())


async def count(connection: AsyncConnection, user_id: int) -> int:
    statement = sa.select(sa.func.count()).select_from(provider_config).where(_c.user_id == user_id)
    return (await connection.execute(statement)).scalar_one()


async def change(connection: AsyncConnection, config_id: int, values: Mapping[str, Any]) -> StoredConfig:
    statement = provider_config.update().where(_c.id == config_id).values(**values).returning(provider_config)
    return _stored((await connection.execute(statement)).mappings().one())


async def with_keys(connection: AsyncConnection, *, after_id: int, limit: int) -> Sequence[StoredConfig]:
    """All users' configurations that have a key, by id: for a change of the master key."""
    statement = sa.select(provider_config).where(_c.id > after_id, _c.api_key.is_not(None)).order_by(_c.id).limit(limit)
    return [_stored(row) for row in (await connection.execute(statement)).mappings()]


async def replace_key(connection: AsyncConnection, config_id: int, *, old: str, new: str) -> bool:
    """The same key, encrypted otherwise. False where it was changed meanwhile."""
    statement = provider_config.update().where(_c.id == config_id, _c.api_key == old)
    return (await connection.execute(statement.values(api_key=new))).rowcount == 1


async def delete_all(connection: AsyncConnection, user_id: int) -> None:
    """Everything that is kept of a user, keys included."""
    await connection.execute(sa.delete(provider_config).where(_c.user_id == user_id))


def _stored(row: sa.RowMapping) -> StoredConfig:
    fields = dict(row)
    sealed_key = fields.pop("api_key")
    return StoredConfig(ProviderConfig(has_api_key=sealed_key is not None, **fields), sealed_key)
