"""Taking conversations in, of whatever format: one transaction each, and a tally of what came of it."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

from hearthside.conversations.service import DEFAULT_TITLE, MAX_TITLE_CHARACTERS
from hearthside.conversations.transfer import ConversationTransfer
from hearthside.conversations.transfer_model import ConversationCopy, MessageCopy
from hearthside.kit.actor import Actor
from hearthside.kit.clock import Clock
from hearthside.kit.errors import Conflict, Invalid
from hearthside.portability import chatgpt, claude, detection
from hearthside.portability.fields import Json
from hearthside.portability.model import ArchiveFormat, Contents, ForeignConversation, Refused, Tally, Watch

_PAGE_MESSAGES: Final = 200
_PAGE_CHARACTERS: Final = 2**22


class Intake:
    def __init__(self, transfer: ConversationTransfer, clock: Clock) -> None:
        self._transfer = transfer
        self._clock = clock

    async def take(
        self,
        actor: Actor,
        head: ConversationCopy,
        messages: Iterator[MessageCopy],
        tally: Tally,
        *,
        origin: ArchiveFormat,
        workspaces: Mapping[str, int],
    ) -> None:
        """All of the conversation or nothing. `messages` is read in a thread. Errors: Invalid, Conflict."""
        title = head.title.strip()[:MAX_TITLE_CHARACTERS] or DEFAULT_TITLE
        taken = await self._transfer.take(
            actor, replace(head, title=title), _pages(messages), origin=origin, workspaces=workspaces
        )
        tally.messages += taken.messages
        if taken.is_new:
            tally.conversations += 1
        elif taken.messages:
            tally.grown += 1
        else:
            tally.skipped += 1

    async def take_foreign(self, actor: Actor, contents: Contents, tally: Tally, watch: Watch) -> None:
        """Every conversation in an export of ChatGPT's or Claude's; each says for itself which of them it is from."""
        for name in detection.conversation_files(contents):
            try:
                await self._take_file(actor, contents, name, tally, watch)
            except Invalid as error:
                tally.problem(f"{name}: {error.message}")

    async def _take_file(self, actor: Actor, contents: Contents, name: str, tally: Tally, watch: Watch) -> None:
        found = enumerate(detection.conversations_in(contents, name), 1)
        while (item := await asyncio.to_thread(next, found, None)) is not None:
            number, raw = item
            try:
                await self._take_one(actor, raw, tally)
            except (Invalid, Conflict) as error:
                tally.problem(f"{name}, conversation {number}: {error.message}")
            watch(tally)

    async def _take_one(self, actor: Actor, raw: Json | Refused, tally: Tally) -> None:
        if isinstance(raw, Refused):
            raise Invalid(raw.reason)
        conversation = await asyncio.to_thread(self._read, raw)
        if not conversation.messages:
            tally.skipped += 1  # opened, and nothing ever said
            return
        await self.take(
            actor, conversation.head, iter(conversation.messages), tally, origin=conversation.origin, workspaces={}
        )

    def _read(self, raw: Json) -> ForeignConversation:
        now = self._clock.now()
        if chatgpt.is_conversation(raw):
            return chatgpt.from_conversation(raw, now=now)
        if claude.is_conversation(raw):
            return claude.from_conversation(raw, now=now)
        raise Invalid("it is no conversation of ChatGPT's or Claude's")


async def _pages(messages: Iterator[MessageCopy]) -> AsyncIterator[Sequence[MessageCopy]]:
    while page := await asyncio.to_thread(_page, messages):
        yield page


def _page(messages: Iterator[MessageCopy]) -> Sequence[MessageCopy]:
    """The next ones: so many, or so long together."""
    page: list[MessageCopy] = []
    characters = 0
    for message in messages:
        page.append(message)
        characters += len(message.content)
        if len(page) == _PAGE_MESSAGES or characters > _PAGE_CHARACTERS:
            break
    return page
