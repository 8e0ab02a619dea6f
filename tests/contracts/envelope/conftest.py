"""People with the app of document 1."""

import pytest

from tests.contracts.envelope.phone import Phone, signed_up
from tests.contracts.house import House


@pytest.fixture
async def phone(server: House) -> Phone:
    """Somebody signed in."""
    return await signed_up(server, "user@example.com")


@pytest.fixture
async def other(server: House) -> Phone:
    """Somebody else."""
    return await signed_up(server, "other@example.com")
