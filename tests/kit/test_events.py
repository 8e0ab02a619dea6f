"""The event log: numbered streams, exact whenever a reader leaves and comes back, and safe from stale owners."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing, asynccontextmanager
from datetime import timedelta

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hearthside.kit.clock import ManualClock
from hearthside.kit.db import Database
from hearthside.kit.event_readers import MAX_BUFFERED_EVENTS, Subscription
from hearthside.kit.event_writer import MAX_WAITING_CHARACTERS
from hearthside.kit.events import EventLog, LoggedEvent, StreamLostError, StreamWriter
from hearthside.kit.ids import new_uid
from hearthside.kit.wakeups import LocalWakeups
from tests.faulty_database import FaultyDatabase

END = [("done", {"status": "ok"})]


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def wakeups() -> LocalWakeups:
    return LocalWakeups()


@asynccontextmanager
async def opened(database: Database, wakeups: LocalWakeups, clock: ManualClock) -> AsyncGenerator[EventLog]:
    log = EventLog(database, wakeups, clock)
    await log.start()
    yield log
    await log.close()


@pytest.fixture
async def log(database: Database, wakeups: LocalWakeups, clock: ManualClock) -> AsyncGenerator[EventLog]:
    async with opened(database, wakeups, clock) as log:
        yield log


@pytest.fixture
async def faulty(any_database_url: sa.URL) -> AsyncGenerator[FaultyDatabase]:
    database = FaultyDatabase(any_database_url)
    yield database
    await database.close()


async def new_stream(database: Database, log: EventLog, *, owner: str = "me") -> StreamWriter:
    async with database.write() as connection:
        return await log.open(connection, new_uid(), owner=owner)


async def finish(database: Database, writer: StreamWriter) -> None:
    async with database.write() as connection:
        await writer.finish(connection, END)
    writer.announce()


async def collect(
    log: EventLog, stream_id: str, *, after: int = 0, leave_after: int | None = None
) -> list[LoggedEvent]:
    events: list[LoggedEvent] = []
    async with aclosing(log.read(stream_id, after=after)) as stream:
        async for event in stream:
            events.append(event)
            if len(events) == leave_after:
                break
    return events


def text(events: list[LoggedEvent]) -> str:
    return "".join(event.data["delta"] for event in events if event.type == "delta")


async def test_every_reader_sees_the_same_numbered_events(database: Database, log: EventLog) -> None:
    writer = await new_stream(database, log)
    readers = [asyncio.create_task(collect(log, writer.stream_id)) for _ in range(3)]
    for word in ("one ", "two ", "three"):
        writer.append("delta", {"delta": word})
        await writer.flush()
    await finish(database, writer)
    seen = await asyncio.gather(*readers)
    assert seen[0] == seen[1] == seen[2] == await collect(log, writer.stream_id)
    assert [event.seq for event in seen[0]] == [1, 2, 3, 4]
    assert text(seen[0]) == "one two three"


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    pieces=st.lists(st.tuples(st.sampled_from(["delta", "note"]), st.booleans()), min_size=1, max_size=30),
    leaves=st.lists(st.integers(1, 8), max_size=30),
)
async def test_who_leaves_and_returns_gets_exactly_the_rest(
    database: Database, log: EventLog, pieces: list[tuple[str, bool]], leaves: list[int]
) -> None:
    writer = await new_stream(database, log)

    async def write() -> None:
        for number, (kind, pause) in enumerate(pieces):
            writer.append(kind, {"delta": f"{number} "})
            if pause:
                await writer.flush()
        await finish(database, writer)

    writing = asyncio.create_task(write())
    seen: list[LoggedEvent] = []
    for count in leaves:
        seen += await collect(log, writer.stream_id, after=len(seen), leave_after=count)
    seen += await collect(log, writer.stream_id, after=len(seen))
    await writing
    assert [event.seq for event in seen] == list(range(1, len(seen) + 1))
    assert seen == await collect(log, writer.stream_id)
    assert "".join(event.data.get("delta", "") for event in seen) == "".join(f"{n} " for n in range(len(pieces)))


async def test_neighbouring_deltas_become_one_event_and_the_order_of_types_is_kept(
    database: Database, log: EventLog
) -> None:
    writer = await new_stream(database, log)
    for kind, piece in (("reasoning", "h"), ("reasoning", "m"), ("delta", "a"), ("delta", "b"), ("reasoning", "c")):
        writer.append(kind, {"delta": piece})
    await finish(database, writer)
    seen = await collect(log, writer.stream_id)
    assert [(event.type, event.data.get("delta")) for event in seen] == [
        ("reasoning", "hm"),
        ("delta", "ab"),
        ("reasoning", "c"),
        ("done", None),
    ]


async def test_events_are_read_only_after_they_are_committed_and_wait_while_the_database_is_away(
    faulty: FaultyDatabase, wakeups: LocalWakeups, clock: ManualClock
) -> None:
    async with opened(faulty, wakeups, clock) as log:
        writer = await new_stream(faulty, log)
        reader = asyncio.create_task(collect(log, writer.stream_id))
        faulty.is_away = True
        for word in ("a", "b"):
            writer.append("delta", {"delta": word})
            faulty.refused.clear()
            await faulty.refused.wait()
        assert not reader.done()
        async with faulty.read() as connection:
            assert await log.logged(connection, writer.stream_id) == []
        faulty.is_away = False
        writer.append("note", {})
        await writer.flush()
        await finish(faulty, writer)
        seen = await reader
    assert text(seen) == "ab"
    assert [event.seq for event in seen] == list(range(1, len(seen) + 1))


async def test_a_commit_whose_answer_was_lost_doubles_nothing(
    faulty: FaultyDatabase, wakeups: LocalWakeups, clock: ManualClock
) -> None:
    async with opened(faulty, wakeups, clock) as log:
        writer = await new_stream(faulty, log)
        faulty.lost_answers = 2
        writer.append("delta", {"delta": "once"})
        await writer.flush()
        assert faulty.lost_answers == 0
        await finish(faulty, writer)
        assert text(await collect(log, writer.stream_id)) == "once"


async def test_a_writer_with_much_waiting_says_so(
    faulty: FaultyDatabase, wakeups: LocalWakeups, clock: ManualClock
) -> None:
    async with opened(faulty, wakeups, clock) as log:
        writer = await new_stream(faulty, log)
        faulty.is_away = True
        writer.append("delta", {"delta": "x" * MAX_WAITING_CHARACTERS})
        assert not writer.is_full
        writer.append("delta", {"delta": "x"})
        assert writer.is_full
        faulty.is_away = False
        await writer.flush()
        assert not writer.is_full


async def test_a_slow_reader_misses_nothing(database: Database, log: EventLog) -> None:
    writer = await new_stream(database, log)
    stream = log.read(writer.stream_id)
    writer.append("note", {"number": 0})
    seen = [await anext(stream)]
    for number in range(1, 3 * MAX_BUFFERED_EVENTS):
        writer.append("note", {"number": number})
    await finish(database, writer)
    seen += [event async for event in stream]
    assert [event.data.get("number") for event in seen[:-1]] == list(range(3 * MAX_BUFFERED_EVENTS))
    assert seen[-1].type == "done"


async def test_a_readers_buffer_is_bounded() -> None:
    """A unit test: how much memory a slow reader holds shows nowhere else."""
    subscription = Subscription()
    events = [LoggedEvent(number + 1, "note", {}) for number in range(MAX_BUFFERED_EVENTS)]
    subscription.push(events)
    assert not subscription.is_behind
    subscription.push([LoggedEvent(MAX_BUFFERED_EVENTS + 1, "note", {})])
    assert subscription.is_behind
    assert await subscription.take(wait_seconds=None) == []
    subscription.push(events)
    assert await subscription.take(wait_seconds=None) == []


async def test_a_stale_owner_cannot_write(
    database: Database, log: EventLog, wakeups: LocalWakeups, clock: ManualClock
) -> None:
    stale = await new_stream(database, log, owner="first")
    stale.append("delta", {"delta": "kept"})
    await stale.flush()
    reader = asyncio.create_task(collect(log, stale.stream_id))
    async with opened(database, wakeups, clock) as other:
        async with database.write() as connection:
            writer = await other.take_over(connection, stale.stream_id, owner="second")
        assert writer is not None
        stale.append("delta", {"delta": "refused"})
        with pytest.raises(StreamLostError):
            await stale.flush()
        with pytest.raises(StreamLostError):
            stale.append("delta", {"delta": "refused"})
        with pytest.raises(StreamLostError):
            await finish(database, stale)
        writer.append("delta", {"delta": " and gone on with"})
        await finish(database, writer)
        seen = await reader
    assert text(seen) == "kept and gone on with"
    assert [event.seq for event in seen] == [1, 2, 3]


async def test_an_owner_that_has_not_noticed_cannot_finish_either(
    database: Database, log: EventLog, wakeups: LocalWakeups, clock: ManualClock
) -> None:
    stale = await new_stream(database, log, owner="first")
    async with opened(database, wakeups, clock) as other, database.write() as connection:
        assert await other.take_over(connection, stale.stream_id, owner="second")
    with pytest.raises(StreamLostError):
        await finish(database, stale)
    async with database.read() as connection:
        assert await log.logged(connection, stale.stream_id) == []


async def test_a_finished_stream_cannot_be_taken_over(database: Database, log: EventLog) -> None:
    writer = await new_stream(database, log)
    await finish(database, writer)
    async with database.write() as connection:
        assert await log.take_over(connection, writer.stream_id, owner="late") is None
        assert await log.take_over(connection, "none", owner="late") is None


async def test_finishing_is_the_callers_transaction_and_can_be_tried_again(database: Database, log: EventLog) -> None:
    writer = await new_stream(database, log)
    reader = asyncio.create_task(collect(log, writer.stream_id))
    writer.append("delta", {"delta": "text"})
    async with database.write() as connection:
        await writer.finish(connection, END)
        await connection.rollback()
    async with database.read() as connection:
        assert all(event.type != "done" for event in await log.logged(connection, writer.stream_id))
    await finish(database, writer)
    seen = await reader
    assert [(event.seq, event.type) for event in seen] == [(1, "delta"), (2, "done")]


async def test_readers_in_another_process_are_woken(
    database: Database, log: EventLog, wakeups: LocalWakeups, clock: ManualClock
) -> None:
    async with opened(database, wakeups, clock) as elsewhere:
        writer = await new_stream(database, log)
        stream = elsewhere.read(writer.stream_id)
        for number in range(3):
            writer.append("note", {"number": number})
            assert (await anext(stream)).data == {"number": number}
        await finish(database, writer)
        assert [event.type async for event in stream] == ["done"]


async def test_what_waits_is_written_when_the_log_closes(
    database: Database, log: EventLog, wakeups: LocalWakeups, clock: ManualClock
) -> None:
    async with opened(database, wakeups, clock) as closing:
        writer = await new_stream(database, closing)
        writer.append("delta", {"delta": "last words"})
    async with database.read() as connection:
        assert text(list(await log.logged(connection, writer.stream_id))) == "last words"


async def test_the_log_ends_its_readers_when_it_closes(
    database: Database, wakeups: LocalWakeups, clock: ManualClock
) -> None:
    async with opened(database, wakeups, clock) as log:
        writer = await new_stream(database, log)
        writer.append("delta", {"delta": "so far"})
        stream = log.read(writer.stream_id)
        assert (await anext(stream)).data == {"delta": "so far"}
    assert [event async for event in stream] == []


async def test_purging_leaves_the_closing_events_and_everything_of_open_streams(
    database: Database, log: EventLog, clock: ManualClock
) -> None:
    closed, still_open = await new_stream(database, log), await new_stream(database, log)
    for writer in (closed, still_open):
        writer.append("delta", {"delta": "text"})
        await writer.flush()
    await finish(database, closed)
    assert await log.purge(before=clock.now()) == 0
    clock.advance(10)
    assert await log.purge(before=clock.now() - timedelta(seconds=5)) == 1
    assert await log.purge(before=clock.now()) == 0
    assert [(event.seq, event.type) for event in await collect(log, closed.stream_id)] == [(2, "done")]
    assert text(await collect(log, still_open.stream_id, leave_after=1)) == "text"


async def test_discarding_ends_the_readers_and_stops_the_writer(database: Database, log: EventLog) -> None:
    writer = await new_stream(database, log)
    writer.append("delta", {"delta": "text"})
    stream = log.read(writer.stream_id)
    await anext(stream)
    async with database.write() as connection:
        await log.discard(connection, [writer.stream_id])
    log.discarded([writer.stream_id])
    assert [event async for event in stream] == []
    writer.append("delta", {"delta": "more"})
    with pytest.raises(StreamLostError):
        await writer.flush()
    async with database.read() as connection:
        assert await log.logged(connection, writer.stream_id) == []


async def test_a_stream_that_does_not_exist_is_empty(log: EventLog) -> None:
    assert await collect(log, "none") == []


async def test_many_streams_are_written_together(database: Database, log: EventLog) -> None:
    writers = [await new_stream(database, log) for _ in range(20)]
    readers = [asyncio.create_task(collect(log, writer.stream_id)) for writer in writers]
    for number in range(50):
        for writer in writers:
            writer.append("note", {"number": number})
        await asyncio.sleep(0)
    await asyncio.gather(*(finish(database, writer) for writer in writers))
    for seen in await asyncio.gather(*readers):
        assert [event.data.get("number") for event in seen] == [*range(50), None]
