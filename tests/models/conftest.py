"""Makes houses and closes them."""

from collections.abc import AsyncGenerator, Callable

import pytest

from hearthside.kit.db import Database
from tests.models.house import House

MakeHouse = Callable[..., House]


@pytest.fixture
async def make_house(database: Database) -> AsyncGenerator[MakeHouse]:
    houses: list[House] = []

    def make(*arguments: object, **options: object) -> House:
        houses.append(House(database, *arguments, **options))  # type: ignore[arg-type]
        return houses[-1]

    yield make
    for house in houses:
        await house.close()
