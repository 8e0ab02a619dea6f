"""Users in the database."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from hearthside.accounts.model import DeletionState, User, UserStatus
from hearthside.kit.actor import Role
from hearthside.kit.db import BigId, Instant, metadata

# Named so because `user` is a word of SQL. The *_key columns hold names as they are compared: see names.py.
user_account = sa.Table(
    "user_account",
    metadata,
    sa.Column("id", BigId, primary_key=True, autoincrement=True),
    sa.Column("uid", sa.String(36), nullable=False, unique=True),
    sa.Column("username", sa.String(40)),
    sa.Column("username_key", sa.String(40), unique=True),
    sa.Column("email", sa.String(320)),
    sa.Column("email_key", sa.String(320), unique=True),
    sa.Column("display_name", sa.String(120)),
    sa.Column("password_hash", sa.String(255), nullable=False),
    sa.Column("role", sa.String(20), nullable=False),
    sa.Column("status", sa.String(20), nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("last_login_at", Instant),
    sa.Column("deletion_requested_at", Instant),
    sa.Column("deletion_scheduled_for", Instant),
    sqlite_autoincrement=True,
)
_GOES = user_account.c.deletion_scheduled_for.is_not(None)
sa.Index("ix_user_account_deletion", user_account.c.deletion_scheduled_for, sqlite_where=_GOES, postgresql_where=_GOES)

# The hash stays out of what other code sees.
_SEEN = [column for column in user_account.c if column.name not in {"username_key", "email_key", "password_hash"}]
# An account that is being erased is gone for whoever asks; only the purge still sees its row.
_EXISTS = user_account.c.status.not_in([UserStatus.ERASING, UserStatus.ERASED])


def insert_or_nothing(connection: AsyncConnection, table: sa.Table) -> Any:
    """INSERT … ON CONFLICT DO NOTHING for the connection's database: a row that is already there is no error."""
    if connection.dialect.name == "postgresql":
        return postgresql.insert(table).on_conflict_do_nothing()
    return sqlite.insert(table).on_conflict_do_nothing()


async def add_user(connection: AsyncConnection, values: Mapping[str, Any]) -> User | None:
    """The user just stored, or None where the user name or the e-mail address is taken."""
    statement = insert_or_nothing(connection, user_account).values(**values).returning(*_SEEN)
    row = (await connection.execute(statement)).one_or_none()
    return _user(row) if row else None


async def user_by_id(connection: AsyncConnection, user_id: int) -> User | None:
    row = (await connection.execute(sa.select(*_SEEN).where(user_account.c.id == user_id, _EXISTS))).one_or_none()
    return _user(row) if row else None


async def user_by_uid(connection: AsyncConnection, uid: str) -> User | None:
    row = (await connection.execute(sa.select(*_SEEN).where(user_account.c.uid == uid, _EXISTS))).one_or_none()
    return _user(row) if row else None


async def lock_user(connection: AsyncConnection, user_id: int) -> User | None:
    """The user, who does not change before this transaction ends (SQLite has one writer at a time anyway)."""
    query = sa.select(*_SEEN).where(user_account.c.id == user_id, _EXISTS).with_for_update()
    row = (await connection.execute(query)).one_or_none()
    return _user(row) if row else None


async def all_users(connection: AsyncConnection) -> list[User]:
    return [
        _user(row) for row in await connection.execute(sa.select(*_SEEN).where(_EXISTS).order_by(user_account.c.id))
    ]


async def username_taken(connection: AsyncConnection, username_key: str | None) -> bool:
    query = sa.select(user_account.c.id).where(user_account.c.username_key == username_key)
    return (await connection.execute(query)).first() is not None


async def user_and_hash(connection: AsyncConnection, login_key: str) -> tuple[User, str] | None:
    """The user of a user name or an e-mail address (as compared) and the hash of their password."""
    # A user name holds no @, so at most one of the two can match.
    matches = sa.or_(user_account.c.username_key == login_key, user_account.c.email_key == login_key)
    query = sa.select(*_SEEN, user_account.c.password_hash).where(matches, _EXISTS)
    row = (await connection.execute(query)).one_or_none()
    return (_user(row), row.password_hash) if row else None


async def password_hash(connection: AsyncConnection, user_id: int) -> str | None:
    query = sa.select(user_account.c.password_hash).where(user_account.c.id == user_id)
    return (await connection.execute(query)).scalar_one_or_none()


async def admin_exists(connection: AsyncConnection) -> bool:
    query = sa.select(user_account.c.id).where(user_account.c.role == Role.ADMIN).limit(1)
    return (await connection.execute(query)).first() is not None


async def lock_active_admins(connection: AsyncConnection) -> set[int]:
    """The ids of all active admins who stay, none of whom can change before this transaction ends.

    Two admins who demote each other at the same moment must not both succeed. SQLite has one writer at a time anyway.
    """
    chosen = (user_account.c.role == Role.ADMIN) & (user_account.c.status == UserStatus.ACTIVE) & ~_GOES
    query = sa.select(user_account.c.id).where(chosen).order_by(user_account.c.id).with_for_update()
    return set((await connection.execute(query)).scalars())


async def set_rights(connection: AsyncConnection, user_id: int, *, role: Role, status: UserStatus) -> None:
    await _update(connection, user_id, role=role, status=status)


async def set_names(connection: AsyncConnection, user_id: int, names: Mapping[str, str | None]) -> bool:
    """Sets the columns `username`, `username_key`, `display_name`, as given; False where the user name is taken."""
    try:
        async with connection.begin_nested():
            await _update(connection, user_id, **names)
    except IntegrityError:
        return False
    return True


async def set_password_hash(connection: AsyncConnection, user_id: int, hashed: str) -> None:
    await _update(connection, user_id, password_hash=hashed)


async def record_login(connection: AsyncConnection, user_id: int, *, at: datetime, hashed: str | None = None) -> bool:
    """Notes a sign-in; False where the user is no longer active, or no longer has the password hash `hashed`.

    To be called first in the transaction that makes a session: it locks the user's row, and whoever disables the user
    or changes the password writes that row before ending the sessions. So no session slips through between the two.
    """
    fits = (user_account.c.id == user_id) & (user_account.c.status == UserStatus.ACTIVE)
    if hashed is not None:
        fits &= user_account.c.password_hash == hashed
    return (await connection.execute(sa.update(user_account).where(fits).values(last_login_at=at))).rowcount == 1


async def _update(connection: AsyncConnection, user_id: int, **values: Any) -> None:
    await connection.execute(sa.update(user_account).where(user_account.c.id == user_id).values(**values))


def _user(row: sa.Row[Any]) -> User:
    return User(
        id=row.id,
        uid=row.uid,
        username=row.username,
        email=row.email,
        display_name=row.display_name,
        role=Role(row.role),
        status=UserStatus(row.status),
        created_at=row.created_at,
        last_login_at=row.last_login_at,
        deletion=deletion_state(row),
    )


def deletion_state(row: sa.Row[*tuple[Any, ...]]) -> DeletionState | None:
    """Of a row with both columns; they are set and cleared together."""
    if row.deletion_requested_at is None or row.deletion_scheduled_for is None:
        return None
    return DeletionState(requested_at=row.deletion_requested_at, scheduled_for=row.deletion_scheduled_for)
