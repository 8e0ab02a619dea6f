"""Finding conversations by words in their titles and messages: the indexes, kept by the database itself, and the query.

SQLite: FTS5 tables without content of their own over `message` and `conversation`, kept by triggers. PostgreSQL:
generated tsvector columns with GIN indexes. The DDL below is what both a new schema and the migration run; SQLAlchemy's
metadata knows nothing of it.

Both index the user beside the words, so that a search reads one user's postings only: FTS5 as a second column, tsvector
as a word with a space in it, which no text contains. And both look at the newest MAX_MATCHES matching messages only, so
that a word which stands in half a million messages costs no more than another.
"""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.event import listen
from sqlalchemy.ext.asyncio import AsyncConnection

from hearthside.conversations.message_store import message_table
from hearthside.conversations.store import conversation_table

MAX_MATCHES = 2000
# About a tenth of a second of rewriting; and the rows that a merge with nothing to do counts as changed.
_PAGES_AT_ONCE, _IDLE_CHANGES = 500, 1
# to_tsvector refuses more than a megabyte; nobody finds a text by its hundred-thousandth character.
_INDEXED_CHARACTERS = 100_000


def _sqlite_ddl(table: str, column: str) -> tuple[str, ...]:
    index, columns = f"{table}_search", f"rowid, user_id, {column}"
    delete = f"INSERT INTO {index}({index}, {columns}) VALUES ('delete', old.id, old.user_id, old.{column});"  # noqa: S608 - our names
    insert = f"INSERT INTO {index}({columns}) VALUES (new.id, new.user_id, new.{column});"  # noqa: S608 - our names
    return (
        f"CREATE VIRTUAL TABLE {index} USING fts5(user_id, {column}, content='{table}', content_rowid='id', "
        "columnsize=0, prefix='2 3', tokenize=\"unicode61 remove_diacritics 2\")",
        f"CREATE TRIGGER {index}_insert AFTER INSERT ON {table} BEGIN {insert} END",
        f"CREATE TRIGGER {index}_delete AFTER DELETE ON {table} BEGIN {delete} END",
        f"CREATE TRIGGER {index}_update AFTER UPDATE OF {column} ON {table} BEGIN {delete} {insert} END",
    )


def _postgresql_ddl(table: str, column: str) -> tuple[str, ...]:
    words = f"to_tsvector('simple', left({column}, {_INDEXED_CHARACTERS}))"
    return (
        f"ALTER TABLE {table} ADD COLUMN search tsvector "
        f"GENERATED ALWAYS AS (array_to_tsvector(ARRAY['user ' || user_id::text]) || {words}) STORED",
        f"CREATE INDEX ix_{table}_search ON {table} USING gin (search)",
    )


SQLITE_DDL = {
    "message": _sqlite_ddl("message", "content"),
    "conversation": _sqlite_ddl("conversation", "title"),
}
SQLITE_DROP_DDL = {table: f"DROP TABLE IF EXISTS {table}_search" for table in SQLITE_DDL}
POSTGRESQL_DDL = {
    "message": _postgresql_ddl("message", "content"),
    "conversation": _postgresql_ddl("conversation", "title"),
}

for _table in (message_table, conversation_table):
    for _statement in SQLITE_DDL[_table.name]:
        listen(_table, "after_create", sa.DDL(_statement).execute_if(dialect="sqlite"))
    listen(_table, "before_drop", sa.DDL(SQLITE_DROP_DDL[_table.name]).execute_if(dialect="sqlite"))
    for _statement in POSTGRESQL_DDL[_table.name]:
        listen(_table, "after_create", sa.DDL(_statement).execute_if(dialect="postgresql"))


def words_of(query: str) -> Sequence[str]:
    """What a person typed, as words to look for; none if there is no letter and no digit in it."""
    return [word for word in query.replace("\0", " ").split() if any(character.isalnum() for character in word)]


def matching(connection: AsyncConnection, user_id: int, words: Sequence[str]) -> sa.Select[tuple[int]]:
    """Selects the ids of the user's conversations in whose title, or in one of whose messages, all of the words stand.

    The last word may be the beginning of one, so that a search answers while it is being typed.
    """
    on_postgresql = connection.dialect.name == "postgresql"
    text = _POSTGRESQL_QUERY if on_postgresql else _SQLITE_QUERY
    values = _tsquery_values(user_id, words) if on_postgresql else _match_values(user_id, words)
    return sa.select(text.bindparams(**values, limit=MAX_MATCHES).columns(id=sa.BigInteger).subquery().c.id)


_SQLITE_QUERY = sa.text(
    "SELECT conversation_id AS id FROM message WHERE id IN"
    " (SELECT rowid FROM message_search WHERE message_search MATCH :in_content ORDER BY rowid DESC LIMIT :limit)"
    " UNION SELECT rowid FROM"
    " (SELECT rowid FROM conversation_search WHERE conversation_search MATCH :in_title ORDER BY rowid DESC"
    "  LIMIT :limit)"
)

# Words that PostgreSQL knows no lexeme for make an empty query, which would match everything of the user's.
_WORDS = "(plainto_tsquery('simple', :whole_words) && to_tsquery('simple', :last_word))"
_MATCHES = f"numnode({_WORDS}) > 0 AND search @@ (CAST(:owner AS tsquery) && {_WORDS})"
_POSTGRESQL_QUERY = sa.text(
    "SELECT conversation_id AS id FROM"  # noqa: S608 - what people typed is bound, never part of the text
    f" (SELECT conversation_id FROM message WHERE {_MATCHES} ORDER BY id DESC LIMIT :limit) AS by_message"
    f" UNION SELECT id FROM"
    f" (SELECT id FROM conversation WHERE {_MATCHES} ORDER BY id DESC LIMIT :limit) AS by_title"
)


def _match_values(user_id: int, words: Sequence[str]) -> dict[str, Any]:
    """FTS5's own language: each word in double quotes is text and nothing else."""
    quoted = " AND ".join('"{}"'.format(word.replace('"', '""')) for word in words)
    prefix = "*" if len(words[-1]) > 1 else ""
    return {
        f"in_{column}": f'user_id : "{user_id}" AND {column} : ({quoted}{prefix})' for column in ("content", "title")
    }


def _tsquery_values(user_id: int, words: Sequence[str]) -> dict[str, Any]:
    last = words[-1].replace("\\", "\\\\").replace("'", "''")
    prefix = ":*" if len(last) > 1 else ""
    return {
        "owner": f"'user {user_id}'",
        "whole_words": " ".join(words[:-1]),
        "last_word": f"'{last}'{prefix}",
    }


async def compact(connection: AsyncConnection) -> bool:
    """A part of rewriting the indexes without what was deleted, whose words FTS5 keeps until then; True: there is more.

    https://www.sqlite.org/fts5.html#the_merge_command. On PostgreSQL words lie in the rows themselves and in GIN
    entries, which autovacuum removes.
    """
    if connection.dialect.name != "sqlite":
        return False
    return any([await _merge(connection, f"{table}_search") for table in SQLITE_DDL])


async def _merge(connection: AsyncConnection, index: str) -> bool:
    before = await _changes(connection)
    await connection.execute(sa.text(f"INSERT INTO {index}({index}, rank) VALUES ('merge', -{_PAGES_AT_ONCE})"))  # noqa: S608 - our names
    return await _changes(connection) - before > _IDLE_CHANGES


async def _changes(connection: AsyncConnection) -> int:
    return int(await connection.scalar(sa.text("SELECT total_changes()")) or 0)
