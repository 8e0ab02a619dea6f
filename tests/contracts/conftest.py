"""A real server on a loopback port for every test, over each kind of database; people to talk to it."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack

import pytest

from hearthside.gateway.providers.scripted import Step
from hearthside.kit.actor import Role
from hearthside.kit.db import Database
from tests.contracts.client import Client
from tests.contracts.house import House, open_house

OpenHouse = Callable[..., Awaitable[House]]


@pytest.fixture
async def open_server(database: Database) -> AsyncGenerator[OpenHouse]:
    """Opens a server whose provider says a script, with settings: `await open_server(*says("Hi"), https=True)`."""
    async with AsyncExitStack() as stack:

        async def open_one(*script: Step, **settings: object) -> House:
            return await stack.enter_async_context(open_house(database, *script, **settings))

        yield open_one


@pytest.fixture
async def server(open_server: OpenHouse) -> House:
    return await open_server()


@pytest.fixture
async def anna(server: House) -> Client:
    """A user, signed in."""
    return await server.join("anna")


@pytest.fixture
async def ben(server: House) -> Client:
    """Another one."""
    return await server.join("ben")


@pytest.fixture
async def admin(server: House) -> Client:
    return await server.join("root-admin", role=Role.ADMIN)
