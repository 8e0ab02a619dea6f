"""Alembic's entry: runs in the transaction of the connection that `migrate` hands over."""

from typing import Any

from alembic import context

from hearthside.kit.db import metadata


def includes(_object: Any, name: str | None, kind: str, *_: Any) -> bool:
    """Leaves the full-text tables out of comparisons: they are written by hand in the migrations."""
    return not (kind == "table" and name is not None and "_fts" in name)


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    include_object=includes,
    render_as_batch=True,
    transaction_per_migration=False,
)
context.run_migrations()
