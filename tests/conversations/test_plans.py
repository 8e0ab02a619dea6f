"""However many messages are stored, no statement reads a whole table: SQLite's plans say so."""

import re
from collections.abc import AsyncGenerator, Awaitable

import pytest
import sqlalchemy as sa
from sqlalchemy.event import listen, remove

from hearthside.gateway.model import TextDelta
from hearthside.gateway.providers.scripted import Gate, says
from tests.conversations.conftest import Start
from tests.conversations.process import ANNE, CHOICE, Process

TABLES = "conversation|message|generation|workspace|event|event_stream|usage_day"
Statement = tuple[str, tuple[object, ...]]

pytestmark = pytest.mark.parametrize("any_database_url", ["sqlite"], indirect=True)


class Recorder:
    """Keeps the statements that a process sends, and asks the database how it carries them out."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._statements: list[Statement] = []

    def record(self, _c: object, _cursor: object, statement: str, parameters: tuple[object, ...], *_: object) -> None:
        self._statements.append((statement, parameters))

    async def plans(self, work: Awaitable[object]) -> list[str]:
        self._statements.clear()
        await work
        recorded = [one for one in self._statements if not one[0].startswith(("BEGIN", "INSERT", "EXPLAIN"))]
        lines: list[str] = []
        async with self._process.database.read() as connection:
            for statement, parameters in recorded:
                rows = await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
                lines += [row.detail for row in rows]
        assert lines
        return lines


@pytest.fixture
async def recorder(process: Process) -> AsyncGenerator[Recorder]:
    recorder = Recorder(process)
    listen(sa.Engine, "before_cursor_execute", recorder.record)
    yield recorder
    remove(sa.Engine, "before_cursor_execute", recorder.record)


def scans(lines: list[str]) -> list[str]:
    """A scan of a partial index is none: only what runs, or has just ended, is in those."""
    partial = "ix_generation_running|ux_generation_running_message|ix_event_stream_unpurged"
    scan = re.compile(rf"SCAN ({TABLES})\b(?! USING (COVERING )?INDEX ({partial})).*")
    return [line for line in lines if scan.fullmatch(line)]


def sorts(lines: list[str]) -> list[str]:
    return [line for line in lines if "TEMP B-TREE FOR ORDER BY" in line]


async def test_lists_come_sorted_from_an_index(process: Process, recorder: Recorder) -> None:
    for _ in range(3):
        await process.ask(ANNE)
    (workspace,) = await process.workspaces.list(ANNE)
    cursor = (await process.conversations.list(ANNE, limit=1)).next_cursor
    for work in (
        process.conversations.list(ANNE, limit=1),
        process.conversations.list(ANNE, limit=1, cursor=cursor),
        process.conversations.list(ANNE, limit=1, workspace_id=workspace.id),
        process.conversations.list(ANNE, limit=1, workspace_id=workspace.id, cursor=cursor),
    ):
        lines = await recorder.plans(work)
        assert scans(lines) == []
        assert sorts(lines) == []


async def test_a_search_reads_what_it_finds_and_no_more(process: Process, recorder: Recorder) -> None:
    await process.ask(ANNE, "bread")
    lines = await recorder.plans(process.conversations.list(ANNE, query="sour bread"))
    assert scans(lines) == []
    assert any(line.startswith("SCAN message_search VIRTUAL TABLE INDEX") for line in lines)


async def test_reading_writing_and_replying_scan_nothing(start: Start, recorder: Recorder) -> None:
    gate = Gate()
    process = await start([TextDelta("Hello"), gate, *says("!")])
    conversation_id = await process.ask(ANNE)
    await process.generations.reply(ANNE, conversation_id, CHOICE)
    await gate.reached.wait()
    gate.open()
    for work in (
        process.generations.beat,
        lambda: process.reply(ANNE, conversation_id),
        lambda: process.conversations.messages(ANNE, conversation_id, limit=10),
        lambda: process.conversations.append(ANNE, conversation_id, content="Hello?"),
        lambda: process.events.purge(before=process.clock.now()),
        lambda: process.conversations.delete(ANNE, conversation_id),
    ):
        assert scans(await recorder.plans(work())) == []
