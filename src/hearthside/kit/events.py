"""The event log: numbered streams that a client can leave at any point and come back to, across restarts.

One owner appends to a stream through its `StreamWriter`; any number read it with `EventLog.read`, in this process or
another. What holds:

- Readers get events only after they are committed, so that what a reader has seen is there after a crash.
- Numbers are dense. A reader that has seen n and asks for what follows gets n+1, n+2, … exactly once each.
- A writer whose stream was taken over (a higher epoch) cannot write any more: each transaction checks the epoch first.
- One task writes for all streams of the process: one transaction of one statement whenever there is something to
  write, at most every 25 ms; none when there is not. It is not synced to the disk each time: a power failure may cost
  the last events of an unfinished stream, a crash of the process costs none of the committed ones.
- When the database is away, events wait in memory, in order; a writer with much waiting says that it `is_full`.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Collection, Sequence
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from hearthside.kit import event_store as store
from hearthside.kit.clock import Clock
from hearthside.kit.db import Database
from hearthside.kit.event_readers import Readers
from hearthside.kit.event_store import LoggedEvent
from hearthside.kit.event_writer import StreamLostError, StreamWriter
from hearthside.kit.wakeups import Topic, Wakeups

__all__ = ["EventLog", "LoggedEvent", "StreamLostError", "StreamWriter"]

_log = logging.getLogger(__name__)

TICK_SECONDS = 0.025
MAX_BACK_OFF_SECONDS = 1.0
PAGE_EVENTS = 500
# A reader of another process's stream looks by itself so often, lest a wake-up was lost.
LOOK_SECONDS = 5.0
KEEP_AFTER_CLOSING = timedelta(hours=1)
PURGE_EVERY_SECONDS = 300.0
PURGE_STREAMS = 50


class EventLog:
    def __init__(self, database: Database, wakeups: Wakeups, clock: Clock) -> None:
        self._database = database
        self._wakeups = wakeups
        self._clock = clock
        self._readers = Readers()
        self._writers: dict[str, StreamWriter] = {}
        self._waiting: dict[str, StreamWriter] = {}  # those with something to write
        self._work = asyncio.Event()
        self._is_telling = False
        self._is_closing = False
        self._is_failing = False
        self._flusher: asyncio.Task[None] | None = None
        self._purger: asyncio.Task[None] | None = None
        wakeups.listen(Topic.STREAM, self._on_wakeup)

    async def start(self) -> None:
        self._flusher = asyncio.create_task(self._flush_forever(), name="event flusher")
        self._purger = asyncio.create_task(self._purge_forever(), name="event purger")

    async def close(self) -> None:
        """Writes what waits, once more if it can, and ends every reader. Finish the streams first."""
        self._is_closing = True
        self._work.set()
        if self._purger is not None:
            self._purger.cancel()
        await asyncio.gather(*(task for task in (self._flusher, self._purger) if task), return_exceptions=True)
        for subscription in self._readers.all():
            subscription.end()

    async def open(self, connection: AsyncConnection, stream_id: str, *, owner: str) -> StreamWriter:
        """A new stream, in the caller's transaction. If that is rolled back, the writer is to be dropped."""
        await store.create_stream(connection, stream_id, owner=owner)
        return self._writer(stream_id, owner=owner, epoch=1, last_seq=0)

    async def take_over(self, connection: AsyncConnection, stream_id: str, *, owner: str) -> StreamWriter | None:
        """Makes `owner` the one who writes an open stream, in the caller's transaction; the old owner is shut out.

        None: it is closed, or was never opened.
        """
        taken = await store.take_over(connection, stream_id, owner=owner)
        return None if taken is None else self._writer(stream_id, owner=owner, epoch=taken[0], last_seq=taken[1])

    async def logged(self, connection: AsyncConnection, stream_id: str) -> Sequence[LoggedEvent]:
        """All that a stream holds."""
        events: list[LoggedEvent] = []
        while page := await store.events_after(
            connection, stream_id, after=events[-1].seq if events else 0, limit=PAGE_EVENTS
        ):
            events.extend(page)
        return events

    async def discard(self, connection: AsyncConnection, stream_ids: Collection[str]) -> None:
        """Deletes streams whole, open ones too, in the caller's transaction. Tell with `discarded` after the commit."""
        await store.delete_streams(connection, stream_ids)

    def discarded(self, stream_ids: Collection[str]) -> None:
        """Ends the readers of streams that are gone; their writers find out when they next write."""
        for stream_id in stream_ids:
            self._nudge(stream_id)
        self._tell(stream_ids)

    async def read(self, stream_id: str, *, after: int = 0) -> AsyncGenerator[LoggedEvent]:
        """The events from `after` + 1 on: what is there, then what comes, as it is committed, until the stream closes.

        A stream that does not exist is closed and empty. No transaction is open while an event is being yielded.
        """
        last = after
        with self._readers.subscribed(stream_id) as subscription:
            while True:
                subscription.start_over()
                events, is_open = await self._page(stream_id, last)
                for event in events:
                    yield event
                    last = event.seq
                if len(events) == PAGE_EVENTS:
                    continue
                if not is_open:
                    return
                while not subscription.is_behind:
                    wait_seconds = None if stream_id in self._writers else LOOK_SECONDS
                    events = await subscription.take(wait_seconds=wait_seconds)
                    for event in events:
                        if event.seq > last + 1:
                            subscription.fall_behind()
                            break
                        if event.seq == last + 1:
                            yield event
                            last = event.seq
                    if subscription.has_ended and not events and not subscription.is_behind:
                        return

    async def purge(self, *, before: datetime) -> int:
        """Deletes the events of streams closed before then, but for those that closed them. The number of streams."""
        count = 0
        while True:
            async with self._database.write(durable=False) as connection:
                purged = await store.purge_closed(connection, before=before, limit=PURGE_STREAMS)
            count += purged
            if purged < PURGE_STREAMS:
                return count

    def _writer(self, stream_id: str, *, owner: str, epoch: int, last_seq: int) -> StreamWriter:
        return StreamWriter(
            stream_id,
            owner=owner,
            epoch=epoch,
            last_seq=last_seq,
            clock=self._clock,
            on_append=self._on_append,
            on_end=self._on_end,
        )

    def _on_append(self, writer: StreamWriter) -> None:
        self._writers[writer.stream_id] = self._waiting[writer.stream_id] = writer
        self._work.set()

    def _on_end(self, writer: StreamWriter, events: Sequence[LoggedEvent]) -> None:
        if self._writers.get(writer.stream_id) is writer:
            del self._writers[writer.stream_id]
            self._waiting.pop(writer.stream_id, None)
        for subscription in self._readers.of(writer.stream_id):
            if events:
                subscription.push(events)
                subscription.end()
            else:
                subscription.fall_behind()
        self._tell((writer.stream_id,))

    def _on_wakeup(self, stream_id: str) -> None:
        if not self._is_telling:  # our own readers know already, with the events themselves
            self._nudge(stream_id)

    def _tell(self, stream_ids: Collection[str]) -> None:
        """Wakes the readers of other processes."""
        self._is_telling = True
        self._wakeups.send(Topic.STREAM, stream_ids)
        self._is_telling = False

    def _nudge(self, stream_id: str) -> None:
        for subscription in self._readers.of(stream_id):
            subscription.fall_behind()

    async def _page(self, stream_id: str, after: int) -> tuple[Sequence[LoggedEvent], bool]:
        async with self._database.read() as connection:
            # In this order: a stream that is closed by now has all its events there to be read.
            is_open = await store.is_open(connection, stream_id)
            return await store.events_after(connection, stream_id, after=after, limit=PAGE_EVENTS), is_open

    async def _flush_forever(self) -> None:
        pause_seconds = TICK_SECONDS
        while not self._is_closing:
            await self._work.wait()
            self._work.clear()
            succeeded = await self._try_to_flush()
            pause_seconds = TICK_SECONDS if succeeded else min(2 * pause_seconds, MAX_BACK_OFF_SECONDS)
            await asyncio.sleep(pause_seconds)
        await self._try_to_flush()

    async def _try_to_flush(self) -> bool:
        """False: the database refuses, and what waits goes on waiting."""
        try:
            if self._waiting:
                await self._flush()
        except Exception as error:  # noqa: BLE001 - whatever it was, nothing may stop the one task that writes
            if not self._is_failing:
                _log.warning("events cannot be written and wait", extra={"error": type(error).__name__})
            self._is_failing = True
            self._work.set()
        else:
            self._is_failing = False
        return not self._is_failing

    async def _flush(self) -> None:
        taken: list[tuple[StreamWriter, Sequence[LoggedEvent]]] = []
        try:
            # Taken while the connection is held: SQLite has but one that writes, so a `finish` never waits for a flush.
            async with self._database.driver(durable=False) as driver:
                waiting, self._waiting = self._waiting, {}
                taken = [(writer, writer.take_for_flush()) for writer in waiting.values()]
                rows = [
                    store.to_row(writer.stream_id, event, owner=writer.owner, epoch=writer.epoch)
                    for writer, events in taken
                    for event in events
                ]
                written = await store.append(driver, rows, on_sqlite=self._database.is_sqlite, now=self._clock.now())
        except BaseException:
            for writer, _ in taken:
                writer.give_back()
                self._waiting[writer.stream_id] = writer
            raise
        for writer, events in taken:
            if events:
                self._settle(writer, events, is_written=writer.stream_id in written)
        self._tell(written)

    def _settle(self, writer: StreamWriter, events: Sequence[LoggedEvent], *, is_written: bool) -> None:
        """After the commit: the writer forgets what is written, and the readers get it."""
        if not is_written:
            writer.abandon()
            return
        writer.confirm()
        for subscription in self._readers.of(writer.stream_id):
            subscription.push(events)

    async def _purge_forever(self) -> None:
        while True:
            await asyncio.sleep(PURGE_EVERY_SECONDS)
            try:
                await self.purge(before=self._clock.now() - KEEP_AFTER_CLOSING)
            except Exception as error:  # noqa: BLE001 - nothing is lost by trying again later
                _log.warning("old events were not purged", extra={"error": type(error).__name__})
