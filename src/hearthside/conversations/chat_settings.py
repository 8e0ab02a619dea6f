"""Conversations that carry a model of their own: who replies in them, and how."""

from dataclasses import asdict, dataclass, replace

from sqlalchemy.ext.asyncio import AsyncConnection

from hearthside.conversations import message_store, store, workspace_store
from hearthside.conversations.chat_keys import ChatKeys
from hearthside.conversations.model import Conversation, InlineModel, MessageRole, ReplyChoice
from hearthside.conversations.service import checked_content, checked_title, found
from hearthside.conversations.workspaces import DEFAULT_WORKSPACE
from hearthside.gateway.model import Sampling
from hearthside.kit.actor import Actor, Scope
from hearthside.kit.clock import Clock
from hearthside.kit.db import Database
from hearthside.kit.errors import FieldProblem, Invalid
from hearthside.kit.secret import Secret
from hearthside.models.catalogue import Catalogue
from hearthside.models.model import SavedModel
from hearthside.models.saved import SavedModels
from hearthside.providers.changes import UNSET, Unset, origin_of
from hearthside.providers.model import BoundKey
from hearthside.providers.service import ProviderDirectory
from hearthside.usage.service import Usage


@dataclass(frozen=True, slots=True)
class SavedChoice:
    """One of the user's saved models, by its UUID."""

    uid: str


@dataclass(frozen=True, slots=True)
class OwnChoice:
    """A model for one conversation, or one message, alone.

    `api_key` UNSET: the conversation's key stays, if it was given for the same provider at the same place. None: none,
    and the conversation's is removed.
    """

    model: InlineModel
    api_key: Secret | Unset | None = UNSET


ChatModel = SavedChoice | OwnChoice
_NOTHING_SAID = Sampling()


class ChatSettings:
    def __init__(
        self,
        database: Database,
        clock: Clock,
        *,
        keys: ChatKeys,
        directory: ProviderDirectory,
        saved: SavedModels,
        catalogue: Catalogue,
        usage: Usage,
    ) -> None:
        self._database = database
        self._clock = clock
        self._keys = keys
        self._directory = directory
        self._saved = saved
        self._catalogue = catalogue
        self._usage = usage

    async def create(
        self, actor: Actor, *, title: str, model: ChatModel | None = None, first_message: str | None = None
    ) -> Conversation:
        """A conversation in the default workspace, with its model and a first message of the user: all or nothing.

        Errors: Invalid, NotFound (saved_model_not_found), QuotaExceeded.
        """
        actor.require(Scope.WRITE)
        title, content = checked_title(title), None if first_message is None else checked_content(first_message)
        origin = await self._checked(actor, model)
        now = self._clock.now()
        async with self._database.write() as connection:
            home = await workspace_store.ensure_default(connection, actor.user_id, name=DEFAULT_WORKSPACE, now=now)
            made = await store.insert(connection, actor.user_id, workspace_id=home.id, title=title, now=now)
            if model is not None:
                made = await self._set(connection, made, model, origin)
            return made if content is None else await self._begin(connection, made, content)

    async def update(
        self,
        actor: Actor,
        conversation_id: int,
        *,
        title: str | None = None,
        model: ChatModel | Unset | None = UNSET,
    ) -> Conversation:
        """Changes what is given. `title` None leaves it; `model` None takes the conversation's own away.

        Errors: Invalid, NotFound (conversation_not_found, saved_model_not_found).
        """
        actor.require(Scope.WRITE)
        title = None if title is None else checked_title(title)
        async with self._database.read() as connection:
            found(await store.get(connection, actor.user_id, conversation_id))
        origin = None if isinstance(model, Unset) else await self._checked(actor, model)
        async with self._database.write() as connection:
            conversation = found(await store.get(connection, actor.user_id, conversation_id, lock=True))
            if title is not None:
                now = self._clock.now()
                conversation = found(
                    await store.rename(connection, actor.user_id, conversation_id, title=title, now=now)
                )
            if not isinstance(model, Unset):
                conversation = await self._set(connection, conversation, model, origin)
        return conversation

    async def configured(
        self, actor: Actor, conversation_id: int, *, own: OwnChoice | None = None
    ) -> ReplyChoice | None:
        """Who is to reply: `own`, else the conversation's model, else the user's default. None: nobody was chosen.

        It is not looked at whether that can be used just now. Errors: NotFound (conversation_not_found).
        """
        return await self._chosen(actor, conversation_id, own) or await self._default(actor)

    async def choose(
        self,
        actor: Actor,
        conversation_id: int,
        *,
        own: OwnChoice | None = None,
        provider_id: str | None = None,
        model: str | None = None,
        sampling: Sampling = _NOTHING_SAID,
    ) -> ReplyChoice:
        """Who replies: as `configured`, else whoever the catalogue finds best; it is there and can be used.

        A `provider_id` or a `model` for this once leaves the conversation its system prompt, and its key where that is
        for the same provider. What `sampling` says goes before what is configured.
        Errors: NotFound (conversation_not_found), Invalid (provider_not_found, model_not_found, key_not_for_address).
        """
        choice = await self._chosen(actor, conversation_id, own)
        if provider_id is not None or model is not None:
            named = await self._catalogue.choose(actor.user_id, provider_id, model)
            if choice is None:
                return ReplyChoice(*named, sampling)
            key = choice.key if named[0] == choice.provider_id else None
            return ReplyChoice(*named, sampling, choice.system_prompt, key)
        choice = choice or await self._default(actor)
        if choice is None:
            return ReplyChoice(*await self._catalogue.choose(actor.user_id, None, None), sampling)
        await self._directory.endpoint(actor.user_id, choice.provider_id, key=choice.key)
        return replace(choice, sampling=_over(choice.sampling, sampling))

    async def _checked(self, actor: Actor, model: ChatModel | None) -> str | None:
        """The place that a key for this model is bound to; None: there is none. Errors: Invalid, NotFound."""
        match model:
            case None:
                return None
            case SavedChoice(uid):
                await self._saved.get(actor, uid)
                return None
            case OwnChoice(inline, api_key):
                return await self._origin(actor, inline.provider_id, is_needed=isinstance(api_key, Secret))

    async def _origin(self, actor: Actor, provider_id: str, *, is_needed: bool) -> str | None:
        """Errors: Invalid, where it is needed for a key and there is none."""
        try:
            origin = origin_of(await self._directory.place(actor.user_id, provider_id))
        except Invalid:
            if is_needed:
                raise
            return None
        if is_needed and not origin:
            message = "The server's own models take no key."
            raise Invalid(message, fields=[FieldProblem("api_key", message)])
        return origin

    async def _set(
        self, connection: AsyncConnection, conversation: Conversation, model: ChatModel | None, origin: str | None
    ) -> Conversation:
        """`origin` is what `_checked` said of the model."""
        inline = model.model if isinstance(model, OwnChoice) else None
        match model:
            case OwnChoice(inline_model, Secret() as secret):
                provider_id = inline_model.provider_id
                await self._keys.put(connection, conversation, secret, provider_id=provider_id, origin=origin or "")
            case OwnChoice(inline_model, Unset()):
                await self._keys.keep(connection, conversation.id, provider_id=inline_model.provider_id, origin=origin)
            case _:
                await self._keys.remove(connection, conversation.id)
        return found(
            await store.set_model(
                connection,
                conversation.user_id,
                conversation.id,
                model_config_uid=model.uid if isinstance(model, SavedChoice) else None,
                inline_model=inline,
                now=self._clock.now(),
            )
        )

    async def _begin(self, connection: AsyncConnection, conversation: Conversation, content: str) -> Conversation:
        now = self._clock.now()
        message = await message_store.insert(
            connection, conversation, parent_id=None, role=MessageRole.USER, content=content, now=now
        )
        await store.show(connection, conversation.id, leaf_id=message.id, now=now)
        await self._usage.count_message(connection, conversation.user_id)
        return replace(conversation, leaf_id=message.id, updated_at=now)

    async def _key(self, actor: Actor, own: OwnChoice, stored: BoundKey | None) -> BoundKey | None:
        """The key for a model that was chosen for one message."""
        if isinstance(own.api_key, Unset):
            return stored
        if own.api_key is None:
            return None
        origin = await self._origin(actor, own.model.provider_id, is_needed=True)
        return BoundKey(own.api_key, origin or "")

    async def _chosen(self, actor: Actor, conversation_id: int, own: OwnChoice | None) -> ReplyChoice | None:
        """What was chosen for the conversation, or with `own` for one message of it."""
        async with self._database.read() as connection:
            conversation = found(await store.get(connection, actor.user_id, conversation_id))
            inline = own.model if own is not None else conversation.inline_model
            stored = None
            if inline is not None:
                stored = await self._keys.get(connection, conversation_id, provider_id=inline.provider_id)
        if inline is not None:
            key = stored if own is None else await self._key(actor, own, stored)
            return ReplyChoice(inline.provider_id, inline.model, inline.sampling, inline.system_prompt, key)
        uid = conversation.model_config_uid
        return await self._from_saved(actor, None if uid is None else await self._saved.find(actor.user_id, uid))

    async def _default(self, actor: Actor) -> ReplyChoice | None:
        return await self._from_saved(actor, await self._saved.default_of(actor.user_id))

    async def _from_saved(self, actor: Actor, saved: SavedModel | None) -> ReplyChoice | None:
        if saved is None:
            return None
        await self._saved.touch(actor.user_id, saved.provider_id, saved.model)
        settings = saved.settings
        return ReplyChoice(saved.provider_id, saved.model, settings.sampling(), settings.system_prompt)


async def forget_model(connection: AsyncConnection, user_id: int, uid: str) -> None:
    """A saved model is gone: the conversations that it replied in go by the default, in the caller's transaction."""
    await store.forget_model(connection, user_id, uid)


def _over(configured: Sampling, said: Sampling) -> Sampling:
    return replace(configured, **{name: value for name, value in asdict(said).items() if value not in (None, ())})
