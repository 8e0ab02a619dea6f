"""A database that is away, or whose answer to a commit gets lost, when a test says so."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from hearthside.kit.db import Database
from hearthside.kit.errors import Unavailable


class FaultyDatabase(Database):
    def __init__(self, url: sa.URL) -> None:
        super().__init__(url)
        self.is_away = False
        self.lost_answers = 0
        self.refused = asyncio.Event()

    @asynccontextmanager
    async def write(self, *, durable: bool = True) -> AsyncGenerator[AsyncConnection]:
        self._refuse()
        async with super().write(durable=durable) as connection:
            yield connection
        self._lose()

    @asynccontextmanager
    async def driver(self, *, durable: bool = True) -> AsyncGenerator[Any]:
        self._refuse()
        async with super().driver(durable=durable) as driver:
            yield driver
        self._lose()

    def _refuse(self) -> None:
        if self.is_away:
            self.refused.set()
            raise Unavailable("away")

    def _lose(self) -> None:
        if self.lost_answers:
            self.lost_answers -= 1
            raise Unavailable("the answer was lost")
