"""Profiles in the database: what a person tells of themselves beside their names, which stand with the user."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from hearthside.accounts.model import Profile
from hearthside.accounts.store import deletion_state, user_account
from hearthside.kit.db import BigId, Instant, metadata

_JSON = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")

# Made when something is first told.
profile = sa.Table(
    "profile",
    metadata,
    sa.Column(
        "user_id", BigId, sa.ForeignKey("user_account.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    ),
    sa.Column("bio", sa.String(500)),
    sa.Column("date_of_birth", sa.Date),
    sa.Column("age", sa.Integer),
    sa.Column("profession", sa.String(120)),
    sa.Column("heard_from", sa.String(120)),
    sa.Column("avatar_url", sa.String(2000)),
    sa.Column("survey_completed", sa.Boolean, nullable=False),
    sa.Column("onboarding_responses", _JSON),
    sa.Column("updated_at", Instant, nullable=False),
)

_TOLD = [column for column in profile.c if column.name not in {"user_id", "survey_completed"}]
_u = user_account.c
_USER = (
    _u.id, _u.uid, _u.email, _u.display_name, _u.username, _u.created_at, _u.deletion_requested_at,
    _u.deletion_scheduled_for,
)  # fmt: skip


async def get(connection: AsyncConnection, user_id: int) -> Profile | None:
    """None: there is no such user."""
    survey_completed = sa.func.coalesce(profile.c.survey_completed, sa.false()).label("survey_completed")
    query = sa.select(*_USER, *_TOLD, survey_completed).outerjoin(profile, profile.c.user_id == _u.id)
    row = (await connection.execute(query.where(_u.id == user_id))).one_or_none()
    return _profile(row) if row else None


async def change(connection: AsyncConnection, user_id: int, values: Mapping[str, Any], *, now: datetime) -> None:
    """Sets the columns that are given; the others stay as they are."""
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    values = {**values, "updated_at": now}
    statement = insert(profile).values(**({"user_id": user_id, "survey_completed": False} | values))
    await connection.execute(statement.on_conflict_do_update(index_elements=["user_id"], set_=values))


def _profile(row: sa.Row[Any]) -> Profile:
    return Profile(
        user_id=row.id,
        uid=row.uid,
        email=row.email,
        full_name=row.display_name,
        username=row.username,
        bio=row.bio,
        date_of_birth=row.date_of_birth,
        age=row.age,
        profession=row.profession,
        heard_from=row.heard_from,
        avatar_url=row.avatar_url,
        survey_completed=bool(row.survey_completed),
        onboarding_responses=row.onboarding_responses,
        deletion=deletion_state(row),
        created_at=row.created_at,
        updated_at=row.updated_at or row.created_at,
    )
