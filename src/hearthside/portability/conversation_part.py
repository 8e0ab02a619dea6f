"""Workspaces and conversations in an archive of ours."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import replace
from typing import Any, cast

from hearthside.conversations.transfer import ConversationTransfer
from hearthside.conversations.transfer_model import ConversationCopy, MessageCopy, WorkspaceCopy
from hearthside.conversations.workspaces import MAX_NAME_CHARACTERS
from hearthside.kit.actor import Actor
from hearthside.kit.clock import Clock
from hearthside.kit.errors import Conflict, Invalid
from hearthside.portability import markdown, own
from hearthside.portability.fields import Json
from hearthside.portability.intake import Intake
from hearthside.portability.model import ArchiveFormat, Contents, Entry, Refused, Tally, Watch


class ConversationPart:
    name: str = "conversations"

    def __init__(self, transfer: ConversationTransfer, clock: Clock) -> None:
        self._transfer = transfer
        self._clock = clock
        self._intake = Intake(transfer, clock)

    async def export(self, actor: Actor) -> AsyncIterator[Entry | bytes]:
        yield Entry(own.WORKSPACES, self._clock.now())
        for workspace in await self._transfer.workspaces(actor):
            yield own.to_line(own.to_workspace(workspace))
        number = 0
        async for conversation_id, conversation in self._transfer.conversations(actor):
            number += 1
            name = own.file_name(number, conversation.title)
            yield Entry(f"{name}.jsonl", conversation.updated_at)
            async for piece in self._lines(actor, conversation_id, conversation):
                yield piece
            yield Entry(f"{name}.md", conversation.updated_at)
            async for piece in self._markdown(actor, conversation_id, conversation):
                yield piece

    async def _lines(self, actor: Actor, conversation_id: int, conversation: ConversationCopy) -> AsyncIterator[bytes]:
        yield own.to_line(own.to_conversation(conversation))
        async for page in self._transfer.messages(actor, conversation_id):
            yield b"".join(own.to_line(own.to_message(message)) for message in page)

    async def _markdown(
        self, actor: Actor, conversation_id: int, conversation: ConversationCopy
    ) -> AsyncIterator[bytes]:
        yield markdown.to_heading(conversation).encode()
        async for page in self._transfer.branch(actor, conversation_id):
            yield "".join(markdown.to_section(message, versions=versions) for message, versions in page).encode()

    async def import_(self, actor: Actor, contents: Contents, tally: Tally, watch: Watch) -> None:
        copies = await asyncio.to_thread(lambda: list(self._read_workspaces(contents, tally)))
        workspaces = await self._transfer.take_workspaces(actor, copies, origin=ArchiveFormat.HEARTHSIDE)
        for name in sorted(contents.names):
            if name.startswith(own.CONVERSATIONS) and name.endswith(".jsonl"):
                try:
                    await self._take(actor, contents, name, tally, workspaces)
                except (Invalid, Conflict) as error:
                    tally.problem(f"{name}: {error.message}")
                watch(tally)

    async def _take(
        self, actor: Actor, contents: Contents, name: str, tally: Tally, workspaces: Mapping[str, int]
    ) -> None:
        documents = contents.documents(name)
        first = await asyncio.to_thread(next, documents, None)
        head = own.from_conversation(_object(first), now=self._clock.now())
        messages = self._read_messages(documents, name, tally)
        await self._intake.take(actor, head, messages, tally, origin=ArchiveFormat.HEARTHSIDE, workspaces=workspaces)

    def _read_messages(self, documents: Iterator[Any | Refused], name: str, tally: Tally) -> Iterator[MessageCopy]:
        for line, document in enumerate(documents, 2):
            try:
                yield own.from_message(_object(document), now=self._clock.now())
            except Invalid as error:
                tally.problem(f"{name}, line {line}: {error.message}")

    def _read_workspaces(self, contents: Contents, tally: Tally) -> Iterator[WorkspaceCopy]:
        for line, document in enumerate(contents.documents(own.WORKSPACES), 1):
            try:
                workspace = own.from_workspace(_object(document), now=self._clock.now())
                yield replace(workspace, name=workspace.name[:MAX_NAME_CHARACTERS])
            except Invalid as error:
                tally.problem(f"{own.WORKSPACES}, line {line}: {error.message}")


def _object(document: Any | Refused) -> Json:
    if isinstance(document, Refused):
        raise Invalid(document.reason)
    if not isinstance(document, dict):
        raise Invalid("it is empty")
    return cast(Json, document)
