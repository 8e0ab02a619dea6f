"""What the tests of conversations hold in their hands: one process of the server, and who asks it."""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass

from hearthside.conversations.generations import Generations
from hearthside.conversations.model import Generation, Message, ReplyChoice
from hearthside.conversations.service import Conversations
from hearthside.conversations.workspaces import Workspaces
from hearthside.gateway.model import Event, Request
from hearthside.gateway.providers.scripted import ScriptedProvider
from hearthside.kit.actor import Actor, CredentialKind, Role, Scope
from hearthside.kit.clock import ManualClock
from hearthside.kit.db import Database
from hearthside.kit.events import EventLog, LoggedEvent
from hearthside.kit.wakeups import Wakeups
from hearthside.providers.model import BoundKey, Endpoint, WireProtocol
from hearthside.usage.service import Usage

CHOICE = ReplyChoice("scripted", "model-a")


def make_actor(user_id: int, *scopes: Scope) -> Actor:
    return Actor(user_id, f"user-{user_id}", Role.USER, CredentialKind.SESSION, 1, frozenset(scopes or Scope))


ANNE, BERT = make_actor(1), make_actor(2)


class ScriptedSource:
    """In the gateway's place: every provider id leads to one scripted provider."""

    def __init__(self, provider: ScriptedProvider) -> None:
        self._provider = provider

    def stream(
        self, provider_id: str, request: Request, *, user_id: int, key: BoundKey | None = None
    ) -> AsyncGenerator[Event]:
        secret = key.secret if key else None
        endpoint = Endpoint(provider_id, f"user {user_id}", WireProtocol.OPENAI, "", secret, trusted=True)
        return self._provider.stream(endpoint, request)


@dataclass(frozen=True, slots=True)
class Process:
    database: Database
    clock: ManualClock
    events: EventLog
    wakeups: Wakeups
    usage: Usage
    conversations: Conversations
    workspaces: Workspaces
    generations: Generations
    provider: ScriptedProvider

    async def ask(self, actor: Actor, *contents: str) -> int:
        """The id of a new conversation with these messages of the user in it."""
        conversation = await self.conversations.create(actor)
        for content in contents or ("Hello?",):
            await self.conversations.append(actor, conversation.id, content=content)
        return conversation.id

    async def shown(self, actor: Actor, conversation_id: int) -> tuple[Message, ...]:
        return (await self.conversations.messages(actor, conversation_id, limit=1000)).items

    async def follow(self, actor: Actor, generation: Generation, *, after: int = 0) -> list[LoggedEvent]:
        stream = self.generations.events(actor, generation.conversation_id, generation.uid, after=after)
        return [event async for event in stream]

    async def reply(self, actor: Actor, conversation_id: int) -> list[LoggedEvent]:
        """A reply, from its beginning to its end."""
        return await self.follow(actor, await self.generations.reply(actor, conversation_id, CHOICE))


def text(events: Sequence[LoggedEvent]) -> str:
    return "".join(event.data["delta"] for event in events if event.type == "delta")


def types(events: Sequence[LoggedEvent]) -> list[str]:
    return [event.type for event in events]
