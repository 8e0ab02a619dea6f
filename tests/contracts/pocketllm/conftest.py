"""People with the app of document 0."""

import pytest

from tests.contracts.house import House
from tests.contracts.pocketllm.app import App, signed_up


@pytest.fixture
async def app(server: House) -> App:
    """Somebody signed in."""
    return await signed_up(server, "user@example.com")


@pytest.fixture
async def other(server: House) -> App:
    """Somebody else."""
    return await signed_up(server, "other@example.com")
