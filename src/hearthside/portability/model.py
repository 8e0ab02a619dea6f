"""What an account is while it travels: the formats that are understood, the parts of an archive, and what came of it.

Conversations themselves are in conversations/transfer_model.py.
"""

from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from hearthside.conversations.transfer_model import ConversationCopy, MessageCopy
from hearthside.kit.actor import Actor


class ArchiveFormat(StrEnum):
    HEARTHSIDE = "hearthside"
    CHATGPT = "chatgpt"
    CLAUDE = "claude"


@dataclass(frozen=True, slots=True)
class Limits:
    """How much of a file that anybody may have made is read at most.

    `document_bytes` and `document_items` bound one JSON value (a message of ours, a conversation of others): Python
    needs about 100 bytes for each of its items. `brackets` bounds the time that all values together take. `ratio` is
    that of the whole archive, from `ratio_floor_bytes` on: one message that says a word a million times is no attack.
    """

    entries: int = 200_000
    directory_bytes: int = 64 * 2**20
    total_bytes: int = 4 * 2**30
    ratio: int = 100
    ratio_floor_bytes: int = 256 * 2**20
    document_bytes: int = 48 * 2**20
    document_items: int = 2_000_000
    depth: int = 64
    brackets: int = 50_000_000


@dataclass(frozen=True, slots=True)
class Refused:
    """A document that was passed over, and why, in words for people."""

    reason: str


@dataclass(frozen=True, slots=True)
class Entry:
    """The beginning of a file of an archive; the bytes that follow it are what is in it."""

    name: str
    modified_at: datetime


@dataclass(frozen=True, slots=True)
class ForeignConversation:
    """A conversation of another product."""

    origin: ArchiveFormat
    head: ConversationCopy
    messages: tuple[MessageCopy, ...]


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What an import did: conversations that are new here, those that only grew, messages added to both, those
    conversations that were here already, and what could not be read, in words for people."""

    format: ArchiveFormat
    conversations: int
    grown: int
    messages: int
    skipped: int
    problems: tuple[str, ...]


MOST_PROBLEMS = 100


@dataclass(slots=True)
class Tally:
    """An import report while it is being made."""

    conversations: int = 0
    grown: int = 0
    messages: int = 0
    skipped: int = 0
    problems: list[str] = field(default_factory=list[str])
    unnamed_problems: int = 0

    def problem(self, text: str) -> None:
        """The first hundred are told, the rest counted: a broken file has one in each line."""
        if len(self.problems) < MOST_PROBLEMS:
            self.problems.append(text)
        else:
            self.unnamed_problems += 1

    def report(self, format: ArchiveFormat) -> ImportReport:  # noqa: A002 - the word for it
        more = (f"… and {self.unnamed_problems} more.",) if self.unnamed_problems else ()
        return ImportReport(
            format, self.conversations, self.grown, self.messages, self.skipped, (*self.problems, *more)
        )


Watch = Callable[[Tally], None]
"""Told after every conversation, so that somebody can look at the progress."""


class Contents(Protocol):
    """The files of an archive that is being read."""

    @property
    def names(self) -> Iterable[str]: ...

    def documents(self, name: str) -> Iterator[Any | Refused]:
        """The JSON values in a file: those of an array at its root, or all that stand after one another.

        Errors: Invalid (archive_invalid), TooLarge (archive_too_large).
        """
        ...


class Part(Protocol):
    """One kind of thing in an account, with its own files in the archive."""

    @property
    def name(self) -> str:
        """The manifest lists it."""
        ...

    def export(self, actor: Actor) -> AsyncIterator[Entry | bytes]:
        """Its files: an Entry, then what is in it, then the next."""
        ...

    async def import_(self, actor: Actor, contents: Contents, tally: Tally, watch: Watch) -> None:
        """Takes over what is there. One thing that cannot be read is a problem in the tally, not the end."""
        ...
