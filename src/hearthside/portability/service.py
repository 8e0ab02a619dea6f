"""A person's whole account as one zip, out and in; and the exports of ChatGPT and Claude, in.

The zip is written front to back while it is sent and read file by file: neither needs more memory, or a transaction for
longer, than a page of messages. An import that is repeated, or that broke off, only adds what is not there yet.
"""

import asyncio
from collections.abc import AsyncGenerator, Iterator, Sequence
from typing import BinaryIO, Final

from hearthside import __version__
from hearthside.conversations.transfer import ConversationTransfer
from hearthside.kit.actor import Actor, Scope
from hearthside.kit.clock import Clock
from hearthside.portability import detection, own
from hearthside.portability.intake import Intake
from hearthside.portability.model import ArchiveFormat, Contents, Entry, ImportReport, Limits, Part, Tally, Watch
from hearthside.portability.zip_stream import ZipStream

# Deflating so much takes one to two milliseconds, for which nothing else runs.
_SLICE_BYTES: Final = 64 * 1024


def _unwatched(_: Tally) -> None:
    return None


class Portability:
    """`parts`: what our own archive holds, in the order in which it is written and read."""

    def __init__(
        self, transfer: ConversationTransfer, clock: Clock, *, parts: Sequence[Part], limits: Limits | None = None
    ) -> None:
        self._clock = clock
        self._parts = tuple(parts)
        self._limits = limits or Limits()
        self._intake = Intake(transfer, clock)

    async def export(self, actor: Actor) -> AsyncGenerator[bytes]:
        """The zip, piece by piece. Where it breaks off, what was sent is no whole zip and every reader says so.

        Errors: Forbidden (scope_missing).
        """
        actor.require(Scope.READ)
        archive = ZipStream()
        try:
            self._begin(archive)
            for part in self._parts:
                async for piece in part.export(actor):
                    if isinstance(piece, Entry):
                        archive.begin(piece.name, piece.modified_at)
                        continue
                    for data in _slices(piece):
                        archive.write(data)
                        if ready := archive.take():
                            yield ready
                        await asyncio.sleep(0)
        finally:
            archive.close()
        yield archive.take()

    def _begin(self, archive: ZipStream) -> None:
        now = self._clock.now()
        names = [part.name for part in self._parts]
        archive.begin(own.MANIFEST, now)
        archive.write(own.to_manifest(names, version=__version__, exported_at=now))
        archive.begin(own.README, now)
        archive.write(own.README_TEXT.encode())

    async def import_(self, actor: Actor, file: BinaryIO, *, watch: Watch = _unwatched) -> ImportReport:
        """Adds what is in a zip of ours, of ChatGPT's or of Claude's (or in the conversations.json of one).

        `file` can be sought, stays the caller's and is read in threads. What cannot be read is told in the report.
        Errors: Invalid (archive_unknown, archive_invalid, archive_unsafe, archive_version), TooLarge
        (archive_too_large), Forbidden (scope_missing).
        """
        actor.require(Scope.WRITE)
        contents, archive_format = await asyncio.to_thread(self._open, file)
        tally = Tally()
        if archive_format is ArchiveFormat.HEARTHSIDE:
            for part in self._parts:
                await part.import_(actor, contents, tally, watch)
        else:
            await self._intake.take_foreign(actor, contents, tally, watch)
        return tally.report(archive_format)

    def _open(self, file: BinaryIO) -> tuple[Contents, ArchiveFormat]:
        contents = detection.opened(file, self._limits)
        archive_format = detection.format_of(contents)
        if archive_format is ArchiveFormat.HEARTHSIDE:
            own.check_manifest(next(contents.documents(own.MANIFEST), None))
        return contents, archive_format


def _slices(data: bytes) -> Iterator[bytes]:
    for start in range(0, len(data), _SLICE_BYTES):
        yield data[start : start + _SLICE_BYTES]
