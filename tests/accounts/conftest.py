"""Accounts on each kind of database."""

from collections.abc import Callable

import pytest

from hearthside.kit.db import Database
from tests.accounts.house import House


@pytest.fixture
def build(database: Database) -> Callable[..., House]:
    """Makes further houses on the same database: other processes, other policies."""
    return lambda **parts: House(database, **parts)


@pytest.fixture
def house(database: Database) -> House:
    return House(database)
