"""An account needs no more memory for being large: measured on SQLite, where this process does all the work."""

import asyncio
import gc
import io
import tempfile
import tracemalloc
from collections.abc import AsyncIterator, Awaitable
from datetime import timedelta

import pytest
import sqlalchemy as sa

from hearthside.conversations.model import MessageRole, MessageStatus
from hearthside.conversations.transfer_model import MessageCopy
from hearthside.kit.db import Database
from tests.portability.rooms import NOON, House, conversation, person

ADA, BOB = person(1), person(2)
MESSAGES, CHARACTERS = 2_000, 6_000


@pytest.fixture
async def house(sqlite_url: sa.URL) -> AsyncIterator[House]:
    database = Database(sqlite_url)
    yield House.on(database)
    await database.close()


async def one_long_conversation() -> AsyncIterator[list[MessageCopy]]:
    for start in range(0, MESSAGES, 200):
        yield [
            MessageCopy(
                key=str(number),
                parent=str(number - 1) if number else None,
                role=(MessageRole.USER, MessageRole.ASSISTANT)[number % 2],
                content=f"{number} ".ljust(CHARACTERS, "x"),
                status=MessageStatus.COMPLETE,
                provider_meta=None,
                usage=None,
                created_at=NOON + timedelta(seconds=number),
            )
            for number in range(start, start + 200)
        ]


async def peak_bytes(work: Awaitable[object]) -> int:
    gc.collect()
    tracemalloc.start()
    try:
        await work
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


async def test_a_long_conversation_goes_out_and_in_page_by_page(house: House) -> None:
    await house.transfer.take(ADA, conversation("c"), one_long_conversation(), origin="test")
    with tempfile.TemporaryFile() as file:

        async def export() -> None:
            async for piece in house.portability.export(ADA):
                file.write(piece)

        out = await peak_bytes(export())
        into = await peak_bytes(house.portability.import_(BOB, file))
    assert out < MESSAGES * CHARACTERS / 2
    assert into < MESSAGES * CHARACTERS / 2


async def test_an_export_that_nobody_reads_on_ends_and_holds_nothing(house: House) -> None:
    await house.transfer.take(ADA, conversation("c"), one_long_conversation(), origin="test")
    export = house.portability.export(ADA)
    await anext(export)
    await export.aclose()
    report = await asyncio.wait_for(house.portability.import_(ADA, io.BytesIO(b'[{"mapping": {}}]')), 5)
    assert report.conversations == 0
