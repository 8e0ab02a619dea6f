"""Between the core's objects and document 1's JSON: pure functions, no I/O."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from hearthside.accounts.model import AccountStatus, Profile, TokenPair, User
from hearthside.conversations.chat_settings import OwnChoice
from hearthside.conversations.model import Conversation, Generation, InlineModel, Message
from hearthside.dialects.envelope import requests, schemas
from hearthside.dialects.envelope.answers import to_time
from hearthside.dialects.errors import InternalError
from hearthside.kit.errors import HearthsideError, StorageFull, Unavailable, UpstreamFailed
from hearthside.kit.secret import Secret
from hearthside.models.model import ListedModel, SavedModel, Selection
from hearthside.providers.changes import UNSET, ProviderChange
from hearthside.providers.model import ProviderConfig
from hearthside.usage.model import TokenPrices


def _to_time_or_none(moment: datetime | None) -> str | None:
    return None if moment is None else to_time(moment)


def to_new_user(user: User) -> schemas.NewUserOut:
    return schemas.NewUserOut(id=user.uid, email=user.email, created_at=to_time(user.created_at))


def to_signed_in(pair: TokenPair) -> schemas.SignedIn:
    return schemas.SignedIn(
        user=schemas.UserOut(id=pair.user.uid, email=pair.user.email, created_at=to_time(pair.user.created_at)),
        session=schemas.TokensOut(
            access_token=pair.access_token, refresh_token=pair.refresh_token, expires_in=pair.expires_in_seconds
        ),
        account_status=_to_account_status(pair.account_status),
    )


def _to_account_status(status: AccountStatus) -> schemas.AccountStatusOut:
    return schemas.AccountStatusOut(
        deletion_scheduled=status.deletion_scheduled,
        deletion_scheduled_for=_to_time_or_none(status.deletion_scheduled_for),
        deletion_requested_at=_to_time_or_none(status.deletion_requested_at),
        deletion_canceled=status.deletion_canceled,
        previous_deletion_requested_at=_to_time_or_none(status.previous_deletion_requested_at),
        previous_deletion_scheduled_for=_to_time_or_none(status.previous_deletion_scheduled_for),
    )


def to_profile(profile: Profile) -> schemas.ProfileOut:
    born = profile.date_of_birth
    return schemas.ProfileOut(
        id=profile.uid,
        full_name=profile.full_name,
        username=profile.username,
        bio=profile.bio,
        date_of_birth=None if born is None else born.isoformat(),
        profession=profile.profession,
        avatar_url=profile.avatar_url,
        survey_completed=profile.survey_completed,
        created_at=to_time(profile.created_at),
        updated_at=to_time(profile.updated_at),
    )


def to_provider(config: ProviderConfig) -> schemas.ProviderRow:
    return schemas.ProviderRow(
        id=config.uid,
        provider=config.provider_id,
        display_name=config.display_name,
        base_url=config.base_url,
        metadata=dict(config.metadata),
        is_active=config.is_active,
        has_api_key=config.has_api_key,
        api_key_preview=config.key_last_four or None,
        created_at=to_time(config.created_at),
        updated_at=to_time(config.updated_at),
    )


def from_provider_body(body: requests.ProviderBody) -> ProviderChange:
    """What the body names changes; null is not the same as nothing."""
    given = body.model_fields_set
    return ProviderChange(
        api_key=_key(body.api_key) if "api_key" in given else UNSET,
        base_url=body.base_url if "base_url" in given else UNSET,
        display_name=body.display_name if "display_name" in given else UNSET,
        metadata=body.metadata or {} if "metadata" in given else UNSET,
        is_active=body.is_active if "is_active" in given else UNSET,
    )


def _key(text: str | None) -> Secret | None:
    return None if text is None else Secret(text)


def to_model(saved: SavedModel) -> schemas.ModelRow:
    settings = saved.settings
    return schemas.ModelRow(
        id=saved.uid,
        name=saved.name,
        display_name=saved.display_name,
        provider=saved.provider_id,
        provider_id=saved.provider_uid,
        model=saved.model,
        base_url=saved.base_url,
        description=saved.description,
        metadata=dict(settings.metadata),
        system_prompt=settings.system_prompt,
        temperature=settings.temperature,
        max_tokens=settings.max_tokens,
        top_p=settings.top_p,
        frequency_penalty=settings.frequency_penalty,
        presence_penalty=settings.presence_penalty,
        additional_params=dict(settings.additional_params),
        is_default=saved.is_default,
        is_active=saved.is_active,
        created_at=to_time(saved.created_at),
        updated_at=to_time(saved.updated_at),
    )


def from_selection(selection: requests.Selection) -> Selection:
    return Selection(selection.id, selection.name, selection.description)


def from_shared_settings(shared: requests.SharedSettings | None) -> Mapping[str, Any]:
    """What the body names, by the names of ModelSettings."""
    return {} if shared is None else shared.model_dump(exclude_unset=True)


def to_catalogue_model(listed: ListedModel) -> schemas.CatalogueModel:
    info = listed.info
    return schemas.CatalogueModel(
        id=info.id,
        name=info.label,
        provider=listed.provider_id,
        description=info.description,
        context_window=info.capabilities.max_context_tokens,
        max_output_tokens=info.max_output_tokens,
        pricing=None if info.prices is None else _to_prices(info.prices),
    )


def _to_prices(prices: TokenPrices) -> schemas.Prices:
    return schemas.Prices(input=_to_number(prices.input_usd), output=_to_number(prices.output_usd))


def _to_number(price: Decimal | None) -> float | None:
    return None if price is None else float(price)


def to_chat(chat: Conversation, user_uid: str, saved: Mapping[str, SavedModel] | None = None) -> schemas.ChatOut:
    """`saved`: the models that a chat may go by, by id."""
    chosen = None if chat.inline_model is None else _to_model_config(chat.inline_model)
    model = (saved or {}).get(chat.model_config_uid or "")
    if chosen is None and model is not None:
        chosen = _from_saved(model)
    return schemas.ChatOut(
        id=chat.uid,
        user_id=user_uid,
        title=chat.title,
        chosen=chosen,
        created_at=to_time(chat.created_at),
        updated_at=to_time(chat.updated_at),
    )


def _to_model_config(model: InlineModel) -> schemas.ModelConfigOut:
    return schemas.ModelConfigOut(
        provider=model.provider_id,
        model=model.model,
        system_prompt=model.system_prompt,
        temperature=model.temperature,
        max_tokens=model.max_tokens,
    )


def _from_saved(saved: SavedModel) -> schemas.ModelConfigOut:
    return schemas.ModelConfigOut(
        provider=saved.provider_id,
        model=saved.model,
        system_prompt=saved.settings.system_prompt,
        temperature=saved.settings.temperature,
        max_tokens=saved.settings.max_tokens,
    )


def from_model_config(body: requests.ModelConfigBody | None) -> OwnChoice | None:
    if body is None:
        return None
    model = InlineModel(body.provider, body.model, body.system_prompt, body.temperature, body.max_tokens)
    return OwnChoice(model, _key(body.api_key) if "api_key" in body.model_fields_set else UNSET)


def to_message(message: Message, chat_id: str) -> schemas.MessageOut:
    return schemas.MessageOut(
        id=message.uid,
        chat_id=chat_id,
        content=message.content,
        role=message.role,
        created_at=to_time(message.created_at),
    )


# What can be wrong with ourselves while a reply is made; all else that a reply ends with is the provider's.
_OUR_FAILURES: Mapping[str, type[HearthsideError]] = {
    "internal_error": InternalError,
    "shutting_down": Unavailable,
    "database_unavailable": Unavailable,
    "storage_full": StorageFull,
}


def to_failure(generation: Generation) -> HearthsideError | None:
    """Why there is no whole reply; None where there is, and where somebody has cut it short on purpose."""
    if generation.error_code is None:
        return None
    kind = _OUR_FAILURES.get(generation.error_code, UpstreamFailed)
    return kind(generation.error_message or "The reply came to nothing.", code=generation.error_code)
