"""Who replies in a conversation that carries a model, and the key that was given for it alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import pytest
import sqlalchemy as sa

from hearthside.conversations.chat_key_store import chat_key_table
from hearthside.conversations.chat_keys import ChatKeys
from hearthside.conversations.chat_settings import ChatSettings, OwnChoice, SavedChoice, forget_model
from hearthside.conversations.model import Conversation, InlineModel, ReplyChoice
from hearthside.conversations.service import Conversations
from hearthside.gateway.model import Sampling
from hearthside.gateway.providers.scripted import ScriptedProvider
from hearthside.gateway.service import Gateway
from hearthside.kit.clock import ManualClock
from hearthside.kit.db import Database
from hearthside.kit.errors import Invalid, NotFound, QuotaExceeded
from hearthside.kit.events import EventLog
from hearthside.kit.secret import Secret
from hearthside.kit.wakeups import LocalWakeups
from hearthside.models.catalogue import Catalogue
from hearthside.models.defaults import SavedDefaults
from hearthside.models.model import Selection
from hearthside.models.saved import SavedModels
from hearthside.providers.changes import ProviderChange
from hearthside.providers.keys import ProviderKeys
from hearthside.providers.model import Endpoint, WireProtocol
from hearthside.providers.service import ProviderDirectory
from hearthside.usage.model import ModelFacts, Quotas
from hearthside.usage.service import Usage
from tests.conversations.process import ANNE, BERT

HOME = Endpoint("home", "Home", WireProtocol.OPENAI, "http://127.0.0.1:9999/v1", None, trusted=True)
LOCAL = Endpoint("local", "This server", WireProtocol.LOCAL, "", None, trusted=True)
KEY = Secret("sk-for-this-chat-0001")
GPT = InlineModel("openai", "gpt-4o", system_prompt="Be brief.", temperature=0.3, max_tokens=99)


class NoPrices:
    async def facts(self, base_url: str, models: Sequence[str]) -> Mapping[str, ModelFacts]:
        return {}


class NoLocalServers:
    def candidates(self) -> Sequence[Endpoint]:
        return ()

    def running(self) -> Sequence[Endpoint]:
        return ()


@dataclass(frozen=True)
class Room:
    database: Database
    settings: ChatSettings
    conversations: Conversations
    directory: ProviderDirectory
    saved: SavedModels
    keys: ChatKeys

    async def save(self, model: str, provider: str = "home", **settings: object) -> str:
        imported = await self.saved.import_(
            ANNE, provider, selections=[Selection(model)], settings=settings, sync=False
        )
        return imported[0].uid

    async def configured(self, chat: Conversation, own: OwnChoice | None = None) -> ReplyChoice:
        choice = await self.settings.configured(ANNE, chat.id, own=own)
        assert choice is not None
        return choice

    async def key_rows(self) -> list[str]:
        async with self.database.read() as connection:
            return list(await connection.scalars(sa.select(chat_key_table.c.api_key)))


@pytest.fixture
def room(database: Database) -> Room:
    return make_room(database, ProviderKeys(bytes(32)))


def make_room(database: Database, sealer: ProviderKeys, quotas: Quotas | None = None) -> Room:
    clock = ManualClock()
    directory = ProviderDirectory(database, clock, sealer, server=[HOME, LOCAL], local_servers=NoLocalServers())
    gateway = Gateway({WireProtocol.OPENAI: ScriptedProvider()}, directory, clock)
    catalogue = Catalogue(
        directory, gateway, clock, default="home/whatever", defaults=SavedDefaults(database), prices=NoPrices()
    )
    saved = SavedModels(database, clock, directory, catalogue, on_delete=forget_model)
    usage = Usage(database, clock, quotas or Quotas())
    keys = ChatKeys(database, clock, sealer)
    settings = ChatSettings(
        database, clock, keys=keys, directory=directory, saved=saved, catalogue=catalogue, usage=usage
    )
    wakeups = LocalWakeups()
    conversations = Conversations(database, clock, EventLog(database, wakeups, clock), wakeups, usage)
    return Room(database, settings, conversations, directory, saved, keys)


async def test_whoever_was_chosen_most_closely_replies(room: Room) -> None:
    chat = await room.settings.create(ANNE, title="Chat")
    assert await room.settings.configured(ANNE, chat.id) is None
    assert await room.settings.choose(ANNE, chat.id) == ReplyChoice("home", "whatever")
    default = await room.save("the-default", system_prompt="You are the default.", temperature=0.1)
    await room.saved.set_default(ANNE, default)
    by_default = await room.configured(chat)
    assert (by_default.model, by_default.system_prompt) == ("the-default", "You are the default.")
    assert by_default.sampling.temperature == 0.1
    await room.settings.update(ANNE, chat.id, model=SavedChoice(await room.save("the-chats")))
    assert (await room.configured(chat)).model == "the-chats"
    await room.settings.update(ANNE, chat.id, model=OwnChoice(GPT))
    inline = await room.configured(chat)
    assert inline == ReplyChoice("openai", "gpt-4o", Sampling(temperature=0.3, max_tokens=99), "Be brief.")
    once = OwnChoice(InlineModel("home", "just-now"))
    assert (await room.configured(chat, once)).model == "just-now"
    assert (await room.configured(chat)).model == "gpt-4o", "it was for that message alone"
    await room.settings.update(ANNE, chat.id, model=None)
    assert (await room.configured(chat)).model == "the-default"


async def test_a_conversation_tells_what_was_chosen(room: Room) -> None:
    uid = await room.save("model")
    chat = await room.settings.create(ANNE, title="Chat", model=SavedChoice(uid))
    assert (chat.model_config_uid, chat.inline_model) == (uid, None)
    changed = await room.settings.update(ANNE, chat.id, title="Renamed", model=OwnChoice(GPT, KEY))
    assert (changed.title, changed.model_config_uid, changed.inline_model) == ("Renamed", None, GPT)
    assert await room.conversations.get(ANNE, chat.id) == changed
    (listed,) = (await room.conversations.list(ANNE)).items
    assert listed == changed
    assert KEY.reveal() not in repr(changed)


async def test_what_is_said_for_once_goes_before(room: Room) -> None:
    await room.directory.configure(ANNE.user_id, "openai", api_key=Secret("sk-annes-own-key"))
    chat = await room.settings.create(ANNE, title="Chat", model=OwnChoice(GPT, KEY))
    warmer = await room.settings.choose(ANNE, chat.id, sampling=Sampling(temperature=1.5))
    assert warmer.sampling == Sampling(temperature=1.5, max_tokens=99)
    other = await room.settings.choose(ANNE, chat.id, provider_id="openai", model="gpt-5")
    assert (other.model, other.sampling, other.system_prompt) == ("gpt-5", Sampling(), "Be brief.")
    assert other.key is not None
    elsewhere = await room.settings.choose(ANNE, chat.id, provider_id="home", model="x")
    assert (elsewhere.provider_id, elsewhere.key) == ("home", None), "the key is for its provider alone"


async def test_a_default_that_is_not_the_chats_says_nothing_to_another_model(room: Room) -> None:
    await room.saved.set_default(ANNE, await room.save("default", system_prompt="You are the default."))
    chat = await room.settings.create(ANNE, title="Chat")
    choice = await room.settings.choose(ANNE, chat.id, provider_id="home", model="another")
    assert (choice.model, choice.system_prompt) == ("another", None)


async def test_a_key_is_sealed_and_used(room: Room) -> None:
    chat = await room.settings.create(ANNE, title="Chat", model=OwnChoice(GPT, KEY))
    (row,) = await room.key_rows()
    assert KEY.reveal() not in row
    choice = await room.settings.choose(ANNE, chat.id)
    assert choice.key is not None
    endpoint = await room.directory.endpoint(ANNE.user_id, "openai", key=choice.key)
    assert (endpoint.api_key, endpoint.base_url) == (KEY, "https://api.openai.com/v1")
    assert not endpoint.trusted


async def test_a_key_goes_nowhere_else(room: Room) -> None:
    """Given for one address of a provider, it is not sent to the next one."""
    chat = await room.settings.create(ANNE, title="Chat", model=OwnChoice(GPT, KEY))
    await room.directory.configure(
        ANNE.user_id, "openai", api_key=Secret("sk-annes-own-key"), base_url="https://elsewhere.example/v1"
    )
    with pytest.raises(Invalid) as refused:
        await room.settings.choose(ANNE, chat.id)
    assert refused.value.code == "key_not_for_address"
    await room.directory.update(ANNE.user_id, "openai", ProviderChange(base_url=None))
    assert await room.settings.choose(ANNE, chat.id)


async def test_a_key_stays_until_it_is_taken_or_useless(room: Room) -> None:
    chat = await room.settings.create(ANNE, title="Chat", model=OwnChoice(GPT, KEY))
    await room.settings.update(ANNE, chat.id, model=OwnChoice(replace(GPT, model="gpt-5")))
    assert (await room.configured(chat)).key is not None, "another model of the same provider"
    await room.settings.update(ANNE, chat.id, title="Renamed")
    assert len(await room.key_rows()) == 1
    for taking in (
        OwnChoice(InlineModel("groq", "llama")),
        OwnChoice(GPT, None),
        SavedChoice(await room.save("m")),
        None,
    ):
        await room.settings.update(ANNE, chat.id, model=OwnChoice(GPT, KEY))
        assert len(await room.key_rows()) == 1
        await room.settings.update(ANNE, chat.id, model=taking)
        assert await room.key_rows() == [], taking
    await room.settings.update(ANNE, chat.id, model=OwnChoice(GPT, KEY))
    await room.conversations.delete(ANNE, chat.id)
    assert await room.key_rows() == [], "it goes with its conversation"


async def test_a_key_for_one_message(room: Room) -> None:
    chat = await room.settings.create(ANNE, title="Chat", model=OwnChoice(GPT, KEY))
    other = Secret("sk-for-this-message")
    choice = await room.configured(chat, OwnChoice(GPT, other))
    assert choice.key is not None
    assert choice.key.secret == other
    kept = await room.configured(chat, OwnChoice(GPT))
    assert kept.key is not None
    assert kept.key.secret == KEY
    assert (await room.configured(chat, OwnChoice(GPT, None))).key is None
    assert (await room.configured(chat, OwnChoice(InlineModel("groq", "llama")))).key is None


async def test_no_key_without_a_place_for_it(room: Room) -> None:
    for provider in ("nobody-knows", "local"):
        with pytest.raises(Invalid):
            await room.settings.create(ANNE, title="Chat", model=OwnChoice(InlineModel(provider, "m"), KEY))
    assert (await room.conversations.list(ANNE)).items == ()


async def test_a_key_that_was_moved_to_another_conversation_does_not_open(room: Room) -> None:
    chat = await room.settings.create(ANNE, title="Chat", model=OwnChoice(GPT, KEY))
    other = await room.settings.create(ANNE, title="Other", model=OwnChoice(GPT))
    async with room.database.write() as connection:
        await connection.execute(sa.update(chat_key_table).values(conversation_id=other.id))
    assert (await room.configured(other)).key is None
    assert (await room.configured(chat)).key is None


async def test_keys_are_renewed_under_another_master_key(database: Database) -> None:
    old, new = bytes(32), bytes([1]) * 32
    chat = await make_room(database, ProviderKeys(old)).settings.create(ANNE, title="Chat", model=OwnChoice(GPT, KEY))
    between = make_room(database, ProviderKeys(new, older=[old]))
    assert await between.keys.renew() == 1
    assert await between.keys.renew() == 0
    choice = await make_room(database, ProviderKeys(new)).configured(chat)
    assert choice.key is not None
    assert choice.key.secret == KEY


async def test_what_is_anothers_is_not_there(room: Room) -> None:
    chat = await room.settings.create(ANNE, title="Chat", model=OwnChoice(GPT, KEY))
    uid = await room.save("model")
    for attempt in (
        room.settings.update(BERT, chat.id, title="Stolen"),
        room.settings.update(BERT, chat.id, model=OwnChoice(GPT, KEY)),
        room.settings.configured(BERT, chat.id),
        room.settings.choose(BERT, chat.id, provider_id="home", model="m"),
        room.settings.create(BERT, title="Mine", model=SavedChoice(uid)),
        room.conversations.find(BERT, chat.uid),
        room.conversations.id_of(BERT, chat.uid),
    ):
        with pytest.raises(NotFound):
            await attempt
    assert await room.conversations.get(ANNE, chat.id) == chat
    assert (await room.conversations.list(BERT)).items == ()


async def test_all_or_nothing(database: Database) -> None:
    room = make_room(database, ProviderKeys(bytes(32)), Quotas(daily_messages=1))
    first = await room.settings.create(ANNE, title="Chat", first_message="Hello?")
    with pytest.raises(QuotaExceeded):
        await room.settings.create(ANNE, title="Chat", model=OwnChoice(GPT, KEY), first_message="Hello again?")
    assert [chat.id for chat in (await room.conversations.list(ANNE)).items] == [first.id]
    assert await room.key_rows() == []
    (message,) = await room.conversations.all_messages(ANNE, first.id)
    assert (message.id, message.content) == (first.leaf_id, "Hello?")


async def test_a_saved_model_that_is_deleted_leaves_its_conversations(room: Room) -> None:
    uid, other = await room.save("gone"), await room.save("stays")
    chats = [await room.settings.create(ANNE, title="Chat", model=SavedChoice(one)) for one in (uid, uid, other)]
    await room.saved.delete(ANNE, uid)
    uids = [(await room.conversations.get(ANNE, chat.id)).model_config_uid for chat in chats]
    assert uids == [None, None, other]
