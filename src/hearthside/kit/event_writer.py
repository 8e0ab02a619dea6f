"""The writing end of a stream: numbers its events, keeps them until they are committed, and gives them up when another
process has taken the stream over."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from hearthside.kit import event_store as store
from hearthside.kit.clock import Clock
from hearthside.kit.event_store import LoggedEvent

# Events of these types carry a piece of text under TEXT_KEY; neighbours of one type are written as one event.
MERGED_TYPES = frozenset({"delta", "reasoning"})
TEXT_KEY = "delta"

# So much may wait to be written (a database that is away for a while) before the writer should pause.
MAX_WAITING_CHARACTERS = 256 * 1024
MAX_WAITING_EVENTS = 4096

NewEvent = tuple[str, Mapping[str, Any]]


class StreamLostError(Exception):
    """The stream has another owner now, or is gone: who wrote it must stop, and not write what it stands for either."""


@dataclass(slots=True)
class _Draft:
    """An event without a number. `texts` are the pieces that were merged into it, None where its type has none."""

    type: str
    data: Mapping[str, Any]
    texts: list[str] | None

    def numbered(self, seq: int) -> LoggedEvent:
        data = self.data if self.texts is None else {TEXT_KEY: "".join(self.texts)}
        return LoggedEvent(seq, self.type, data)


class StreamWriter:
    """What one owner, in one epoch, writes to one stream. All of it happens on one event loop.

    An event is a draft until a transaction takes it, then numbered and unconfirmed until that transaction has
    committed. One transaction at a time holds the unconfirmed ones: a flush of the log, or the owner's own in `finish`.
    Numbers are never taken back: an event whose commit succeeded without our hearing of it is written again under the
    same number, which changes nothing.
    """

    def __init__(
        self,
        stream_id: str,
        *,
        owner: str,
        epoch: int,
        last_seq: int,
        clock: Clock,
        on_append: Callable[["StreamWriter"], None],
        on_end: Callable[["StreamWriter", Sequence[LoggedEvent]], None],
    ) -> None:
        self.stream_id = stream_id
        self.owner = owner
        self.epoch = epoch
        self.is_lost = False
        self.is_finishing = False
        self._clock = clock
        self._on_append = on_append
        self._on_end = on_end
        self._last_seq = last_seq
        self._drafts: list[_Draft] = []
        self._characters = 0
        self._unconfirmed: list[LoggedEvent] = []
        self._closing: tuple[LoggedEvent, ...] = ()
        self._not_in_flush = asyncio.Event()
        self._not_in_flush.set()
        self._all_written = asyncio.Event()
        self._all_written.set()

    def append(self, kind: str, data: Mapping[str, Any]) -> None:
        """Adds an event, to be written within some 25 ms. Errors: StreamLostError."""
        if self.is_lost:
            raise StreamLostError(self.stream_id)
        text: str | None = data[TEXT_KEY] if kind in MERGED_TYPES else None
        if text is not None and self._drafts and self._drafts[-1].type == kind:
            last = self._drafts[-1].texts
            assert last is not None  # noqa: S101 - the type decides, and it is the same
            last.append(text)
        else:
            self._drafts.append(_Draft(kind, data, None if text is None else [text]))
        self._characters += len(text or "")
        self._all_written.clear()
        self._on_append(self)

    @property
    def is_full(self) -> bool:
        """So much waits that the one who appends should `flush` before going on."""
        return self._characters > MAX_WAITING_CHARACTERS or len(self._drafts) > MAX_WAITING_EVENTS

    async def flush(self) -> None:
        """Returns when all that was appended is committed, however long that takes. Errors: StreamLostError."""
        await self._all_written.wait()
        if self.is_lost:
            raise StreamLostError(self.stream_id)

    async def finish(self, connection: AsyncConnection, events: Sequence[NewEvent]) -> None:
        """Writes what is left and then `events`, and closes the stream, in the caller's transaction.

        After the commit, call `announce`. After a rollback it may be called again. Errors: StreamLostError.
        """
        self.is_finishing = True  # no flush takes anything from here on
        await self._not_in_flush.wait()
        rest = self._number_drafts()
        closing = [LoggedEvent(self._last_seq + 1 + index, *event) for index, event in enumerate(events)]
        now = self._clock.now()
        if self.is_lost or not await store.close_stream(
            connection, self.stream_id, owner=self.owner, epoch=self.epoch, closing_seq=self._last_seq + 1, now=now
        ):
            self.lose()
            raise StreamLostError(self.stream_id)
        self._closing = (*rest, *closing)
        await store.insert_events(connection, [(self.stream_id, event) for event in self._closing], now=now)

    def announce(self) -> None:
        """Tells the readers that the stream is finished: `finish` has been committed."""
        self._on_end(self, self._closing)

    def abandon(self) -> None:
        """Gives the stream up without closing it: its opening was rolled back, or another has to go on."""
        self.lose()
        self._on_end(self, ())

    # What follows is for the log's flush.

    def take_for_flush(self) -> Sequence[LoggedEvent]:
        """All that is to be written, until `confirm` or `give_back`; nothing once the stream is being finished."""
        if self.is_finishing or self.is_lost:
            return ()
        self._not_in_flush.clear()
        return self._number_drafts()

    def confirm(self) -> None:
        """The flush has committed."""
        self._unconfirmed = []
        self._not_in_flush.set()
        if not self._drafts:
            self._all_written.set()

    def give_back(self) -> None:
        """The flush has failed, or nobody knows."""
        self._not_in_flush.set()

    def lose(self) -> None:
        self.is_lost = True
        self._drafts, self._unconfirmed, self._characters = [], [], 0
        self._not_in_flush.set()
        self._all_written.set()

    def _number_drafts(self) -> Sequence[LoggedEvent]:
        for draft in self._drafts:
            self._last_seq += 1
            self._unconfirmed.append(draft.numbered(self._last_seq))
        self._drafts, self._characters = [], 0
        return tuple(self._unconfirmed)
