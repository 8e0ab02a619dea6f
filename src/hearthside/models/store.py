"""SQL on saved models.

A user's default is a row of its own in `model_default`: its primary key, the user, is what makes it one, whoever sets
it at the same moment.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from hearthside.kit.db import BigId, Instant, metadata
from hearthside.kit.ids import new_uid
from hearthside.models.model import ModelSettings, SavedModel

saved_model = sa.Table(
    "saved_model",
    metadata,
    sa.Column("id", BigId, primary_key=True, autoincrement=True),
    sa.Column("uid", sa.String(36), nullable=False, unique=True),
    sa.Column("user_id", BigId, nullable=False),
    sa.Column("provider_id", sa.String(64), nullable=False),
    sa.Column("model", sa.String(300), nullable=False),
    sa.Column("name", sa.String(300), nullable=False),
    sa.Column("display_name", sa.String(300)),
    sa.Column("description", sa.Text),
    sa.Column("settings", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("updated_at", Instant, nullable=False),
    sa.Column("last_used_at", Instant),
    sa.UniqueConstraint("user_id", "provider_id", "model"),
    sqlite_autoincrement=True,
)

# A user who has saved models has a row here; it says which is the default, and whoever changes that locks it.
model_default = sa.Table(
    "model_default",
    metadata,
    sa.Column("user_id", BigId, primary_key=True, autoincrement=False),
    sa.Column("saved_model_id", BigId, sa.ForeignKey("saved_model.id", ondelete="SET NULL"), index=True),
)

_s = saved_model.c
_d = model_default.c
_WITH_DEFAULT = saved_model.outerjoin(model_default, (_d.user_id == _s.user_id) & (_d.saved_model_id == _s.id))
_QUERY = sa.select(saved_model, _d.saved_model_id.is_not(None).label("is_default")).select_from(_WITH_DEFAULT)
_ROWS_AT_ONCE = 100


async def lock_user(connection: AsyncConnection, user_id: int) -> None:
    """Until the transaction ends, others that change the same user's saved models wait. SQLite's writer is alone."""
    insert = _insert(connection, model_default).values(user_id=user_id).on_conflict_do_nothing()
    await connection.execute(insert)
    await connection.execute(sa.select(_d.user_id).where(_d.user_id == user_id).with_for_update())


async def of_user(connection: AsyncConnection, user_id: int) -> list[SavedModel]:
    """In the order in which they were saved."""
    rows = await connection.execute(_QUERY.where(_s.user_id == user_id).order_by(_s.id))
    return [_saved(row) for row in rows.mappings()]


async def of_provider(
    connection: AsyncConnection, user_id: int, provider_id: str, models: Sequence[str]
) -> dict[str, SavedModel]:
    """Those of `models` that are saved, by model."""
    mine = (_s.user_id == user_id) & (_s.provider_id == provider_id)
    rows = await connection.execute(_QUERY.where(mine & _s.model.in_(models)))
    return {found.model: found for found in map(_saved, rows.mappings())}


async def find(connection: AsyncConnection, user_id: int, uid: str) -> SavedModel | None:
    row = (await connection.execute(_QUERY.where(_s.user_id == user_id, _s.uid == uid))).mappings().one_or_none()
    return _saved(row) if row else None


async def default_of(connection: AsyncConnection, user_id: int) -> SavedModel | None:
    found = await connection.execute(_QUERY.where(_s.user_id == user_id, _d.saved_model_id.is_not(None)))
    row = found.mappings().one_or_none()
    return _saved(row) if row else None


async def put(
    connection: AsyncConnection, user_id: int, provider_id: str, rows: Sequence[Mapping[str, Any]], *, now: datetime
) -> None:
    """Adds what is new; of what is there, changes name, display_name, description and settings (a ModelSettings)."""
    insert = _insert(connection, saved_model)
    changed = ("name", "display_name", "description", "settings", "updated_at")
    upsert = insert.on_conflict_do_update(
        index_elements=["user_id", "provider_id", "model"], set_={name: insert.excluded[name] for name in changed}
    )
    common = {"user_id": user_id, "provider_id": provider_id, "created_at": now, "updated_at": now}
    values = [{**row, **common, "uid": new_uid(), "settings": asdict(row["settings"])} for row in rows]
    for start in range(0, len(values), _ROWS_AT_ONCE):
        await connection.execute(upsert.values(values[start : start + _ROWS_AT_ONCE]))


async def count(connection: AsyncConnection, user_id: int) -> int:
    statement = sa.select(sa.func.count()).select_from(saved_model).where(_s.user_id == user_id)
    return (await connection.execute(statement)).scalar_one()


async def set_default(connection: AsyncConnection, user_id: int, saved_model_id: int | None) -> None:
    """In the place of any other. The caller has locked the user."""
    change = sa.update(model_default).where(_d.user_id == user_id)
    await connection.execute(change.values(saved_model_id=saved_model_id))


async def last_used(connection: AsyncConnection, user_id: int) -> int | None:
    """The model that the user used last; one that was never used counts as used when it was saved."""
    used = sa.func.coalesce(_s.last_used_at, _s.created_at)
    query = sa.select(_s.id).where(_s.user_id == user_id).order_by(used.desc(), _s.id.desc()).limit(1)
    return (await connection.execute(query)).scalar_one_or_none()


async def touch(connection: AsyncConnection, user_id: int, provider_id: str, model: str, *, now: datetime) -> None:
    mine = (_s.user_id == user_id) & (_s.provider_id == provider_id) & (_s.model == model)
    await connection.execute(sa.update(saved_model).where(mine).values(last_used_at=now))


async def delete(connection: AsyncConnection, saved_model_id: int) -> None:
    """The caller has found it among the user's own."""
    await connection.execute(sa.delete(saved_model).where(_s.id == saved_model_id))


async def erase(connection: AsyncConnection, user_id: int) -> None:
    """All that is kept of the user here."""
    await connection.execute(sa.delete(model_default).where(_d.user_id == user_id))
    await connection.execute(sa.delete(saved_model).where(_s.user_id == user_id))


def _insert(connection: AsyncConnection, table: sa.Table) -> "postgresql.Insert | sqlite.Insert":
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    return insert(table)


def _saved(row: sa.RowMapping) -> SavedModel:
    fields = dict(row)
    settings = ModelSettings(**fields.pop("settings"))
    return SavedModel(settings=settings, **fields)
