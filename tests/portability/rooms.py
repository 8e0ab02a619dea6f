"""What the tests of import and export share: people, a portability on a database, and zips made by hand."""

import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from hearthside.conversations.transfer import ConversationTransfer
from hearthside.conversations.transfer_model import ConversationCopy, MessageCopy
from hearthside.kit.actor import Actor, CredentialKind, Role, Scope
from hearthside.kit.clock import ManualClock
from hearthside.kit.db import Database
from hearthside.kit.ids import new_uid
from hearthside.portability.conversation_part import ConversationPart
from hearthside.portability.model import Limits
from hearthside.portability.profile_part import ProfilePart
from hearthside.portability.service import Portability

NOON = datetime(2025, 3, 1, 12, 0, 0, 123456, UTC)


def person(user_id: int, scopes: frozenset[Scope] = frozenset(Scope)) -> Actor:
    uid = f"00000000-0000-7000-8000-{user_id:012}"
    return Actor(user_id, uid, Role.USER, CredentialKind.SESSION, user_id, scopes)


class KnownPeople:
    """Profiles in memory."""

    def __init__(self) -> None:
        self.profiles: dict[int, dict[str, Any]] = {}

    async def read(self, actor: Actor) -> Mapping[str, Any]:
        return self.profiles.get(actor.user_id, {})

    async def fill(self, actor: Actor, values: Mapping[str, Any]) -> None:
        known = self.profiles.setdefault(actor.user_id, {})
        known.update({name: value for name, value in values.items() if name == "display_name" and name not in known})


@dataclass(frozen=True)
class House:
    transfer: ConversationTransfer
    portability: Portability
    people: KnownPeople

    @classmethod
    def on(cls, database: Database, limits: Limits | None = None) -> "House":
        clock, people = ManualClock(), KnownPeople()
        transfer = ConversationTransfer(database, clock)
        parts = (ProfilePart(people, clock), ConversationPart(transfer, clock))
        return cls(transfer, Portability(transfer, clock, parts=parts, limits=limits), people)

    async def export(self, actor: Actor) -> bytes:
        return b"".join([piece async for piece in self.portability.export(actor)])

    async def contents(self, actor: Actor) -> list[tuple[ConversationCopy, list[MessageCopy]]]:
        """Everything that the actor has, as it is stored."""
        return [
            (conversation, [message async for page in self.transfer.messages(actor, id_) for message in page])
            async for id_, conversation in self.transfer.conversations(actor)
        ]


def conversation(key: str | None = None, **changes: Any) -> ConversationCopy:
    given: dict[str, Any] = {
        "key": key or new_uid(),
        "title": "Bread",
        "workspace": None,
        "leaf": None,
        "created_at": NOON,
        "updated_at": NOON + timedelta(hours=1),
    }
    return ConversationCopy(**given | changes)


def zip_of(files: Mapping[str, str | bytes], compression: int = zipfile.ZIP_DEFLATED) -> io.BytesIO:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", compression) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return packed


def zip_of_conversations(*conversations: Any, name: str = "conversations.json") -> io.BytesIO:
    return zip_of({name: json.dumps(conversations), "user.json": "{}"})


def files_of(packed: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}
