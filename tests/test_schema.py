"""What every table keeps to, whichever slice it belongs to."""

import sqlalchemy as sa

from hearthside.kit.db import Instant, metadata
from tests.conftest import import_tables

import_tables()


def test_a_row_with_a_uuid_has_an_integer_id_that_is_never_used_again() -> None:
    astray = [
        table.name
        for table in metadata.tables.values()
        if "uid" in table.columns
        and not (
            [column.name for column in table.primary_key] == ["id"]
            and isinstance(table.c.id.type, sa.BigInteger)
            and table.dialect_options["sqlite"]["autoincrement"]
        )
    ]
    assert astray == []


def test_a_uuid_is_unique() -> None:
    unique = {
        table.name
        for table in metadata.tables.values()
        for constraint in [*table.constraints, *table.indexes]
        if (isinstance(constraint, sa.UniqueConstraint) or (isinstance(constraint, sa.Index) and constraint.unique))
        and [column.name for column in constraint.columns] == ["uid"]
    }
    assert {table.name for table in metadata.tables.values() if "uid" in table.columns} == unique


def test_times_are_instants_and_no_column_is_an_enum() -> None:
    """A naive time loses its zone on the way, and a native enum cannot be changed alike on both databases."""
    astray = [
        str(column)
        for table in metadata.tables.values()
        for column in table.columns
        if (isinstance(column.type, sa.DateTime) and not isinstance(column.type, Instant))
        or isinstance(column.type, sa.Enum)
    ]
    assert astray == []


def test_every_reference_is_indexed() -> None:
    """Deleting a row looks for those that refer to it; without an index, through the whole table."""
    unindexed = [
        str(column)
        for table in metadata.tables.values()
        for column in table.columns
        if column.foreign_keys and column.name not in _leading(table)
    ]
    assert unindexed == []


def _leading(table: sa.Table) -> set[str]:
    """The columns that an index of the table begins with."""
    indexes = [list(index.columns) for index in table.indexes]
    constraints = [
        list(constraint.columns)
        for constraint in table.constraints
        if isinstance(constraint, (sa.UniqueConstraint, sa.PrimaryKeyConstraint))
    ]
    return {columns[0].name for columns in [*indexes, *constraints] if columns}
