"""Between the core's objects and document 0's JSON: pure functions, no I/O."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

from hearthside.accounts.model import AccountStatus, Cancelled, DeletionState, Profile, ProfileChange, TokenPair, User
from hearthside.conversations.model import Conversation, Message, MessageRole
from hearthside.dialects.pocketllm import account_schemas, chat_schemas, model_schemas
from hearthside.gateway.key_check import KeyReport, Verdict
from hearthside.kit.secret import Secret
from hearthside.models.model import ListedModel, SavedModel
from hearthside.portability.model import ImportReport
from hearthside.providers.changes import ProviderChange
from hearthside.providers.model import ProviderConfig
from hearthside.usage.model import TokenPrices


def to_time(moment: datetime) -> str:
    """`2024-01-15T10:30:00.000000Z`: UTC, to the microsecond."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _to_time_or_none(moment: datetime | None) -> str | None:
    return None if moment is None else to_time(moment)


# Accounts


def to_user(user: User) -> account_schemas.AuthenticatedUser:
    return account_schemas.AuthenticatedUser(
        id=user.uid,
        email=user.email,
        full_name=user.display_name,
        created_at=to_time(user.created_at),
        last_sign_in_at=_to_time_or_none(user.last_login_at),
    )


def to_signed_in(pair: TokenPair, *, now: datetime) -> account_schemas.SignInResponse:
    return account_schemas.SignInResponse(
        user=to_user(pair.user),
        tokens=_to_tokens(pair),
        session=_to_session(pair, now=now),
        account_status=_to_account_status(pair.account_status),
    )


def to_signed_up(user: User, pair: TokenPair | None, *, now: datetime) -> account_schemas.SignUpResponse:
    return account_schemas.SignUpResponse(
        user=to_user(user),
        tokens=_to_tokens(pair) if pair else None,
        session=_to_session(pair, now=now) if pair else None,
        account_status=_to_account_status(pair.account_status if pair else AccountStatus()),
    )


def _to_tokens(pair: TokenPair) -> account_schemas.AuthTokens:
    return account_schemas.AuthTokens(
        access_token=pair.access_token, refresh_token=pair.refresh_token, expires_in=pair.expires_in_seconds
    )


def _to_session(pair: TokenPair, *, now: datetime) -> account_schemas.SessionMetadata:
    return account_schemas.SessionMetadata(
        session_id=pair.session.uid,
        expires_at=to_time(now + timedelta(seconds=pair.expires_in_seconds)),
        refresh_expires_at=to_time(pair.session.expires_at),
    )


def _to_account_status(status: AccountStatus) -> account_schemas.AccountStatus:
    return account_schemas.AccountStatus(
        deletion_scheduled=status.deletion_scheduled,
        deletion_scheduled_for=_to_time_or_none(status.deletion_scheduled_for),
        deletion_requested_at=_to_time_or_none(status.deletion_requested_at),
        deletion_canceled=status.deletion_canceled,
        previous_deletion_requested_at=_to_time_or_none(status.previous_deletion_requested_at),
        previous_deletion_scheduled_for=_to_time_or_none(status.previous_deletion_scheduled_for),
    )


def from_profile_update(body: account_schemas.UserProfileUpdate) -> ProfileChange:
    return ProfileChange(**body.model_dump())


def from_survey(body: account_schemas.OnboardingSurvey) -> ProfileChange:
    told = body.model_dump(exclude={"onboarding"})
    if body.onboarding_responses is None:
        told["onboarding_responses"] = body.onboarding
    return ProfileChange(**told)


def to_profile(profile: Profile) -> account_schemas.UserProfile:
    born, answers = profile.date_of_birth, profile.onboarding_responses
    return account_schemas.UserProfile(
        id=profile.uid,
        email=profile.email,
        full_name=profile.full_name,
        username=profile.username,
        bio=profile.bio,
        date_of_birth=None if born is None else born.isoformat(),
        age=profile.age,
        profession=profile.profession,
        heard_from=profile.heard_from,
        avatar_url=profile.avatar_url,
        survey_completed=profile.survey_completed,
        onboarding_responses=None if answers is None else dict(answers),
        deletion_status=profile.deletion_status.value,
        deletion_requested_at=_to_time_or_none(profile.deletion_requested_at),
        deletion_scheduled_for=_to_time_or_none(profile.deletion_scheduled_for),
        created_at=to_time(profile.created_at),
        updated_at=to_time(profile.updated_at),
    )


def to_deletion(state: DeletionState) -> account_schemas.DeleteAccountResponse:
    return account_schemas.DeleteAccountResponse(
        deletion_requested_at=to_time(state.requested_at), deletion_scheduled_for=to_time(state.scheduled_for)
    )


def to_cancelled(cancelled: Cancelled, profile: Profile) -> account_schemas.CancelDeletionResponse:
    return account_schemas.CancelDeletionResponse(
        canceled=cancelled.canceled,
        profile=to_profile(profile),
        previous_deletion_requested_at=_to_time_or_none(cancelled.previous_requested_at),
        previous_deletion_scheduled_for=_to_time_or_none(cancelled.previous_scheduled_for),
    )


def to_import_result(report: ImportReport) -> account_schemas.ImportResult:
    return account_schemas.ImportResult(
        format=report.format.value,
        conversations=report.conversations,
        grown=report.grown,
        messages=report.messages,
        skipped=report.skipped,
        problems=list(report.problems),
    )


# Chats


def to_chat(conversation: Conversation, *, user_uid: str) -> chat_schemas.ChatSummary:
    return chat_schemas.ChatSummary(
        id=conversation.uid,
        user_id=user_uid,
        title=conversation.title,
        model_config_id=conversation.model_config_uid,
        created_at=to_time(conversation.created_at),
        updated_at=to_time(conversation.updated_at),
    )


def to_message(message: Message, *, chat_uid: str) -> chat_schemas.Message:
    return chat_schemas.Message(
        id=message.uid,
        chat_id=chat_uid,
        role=message.role.value,
        content=message.content,
        metadata=_to_metadata(message),
        created_at=to_time(message.created_at),
    )


def _to_metadata(message: Message) -> dict[str, Any] | None:
    """What the client gave; of a reply, how it came about."""
    given = dict(message.metadata) if message.metadata is not None else None
    if message.role is not MessageRole.ASSISTANT or message.provider_meta is None:
        return given
    about: Mapping[str, Any] = {"status": message.status, **message.provider_meta}
    return {**about, **({"usage": dict(message.usage)} if message.usage else {}), **(given or {})}


# Providers and models


def from_provider_update(body: model_schemas.ProviderUpdateRequest) -> ProviderChange:
    """What was not given is left unset."""
    given = {name: getattr(body, name) for name in body.model_fields_set}
    if given.get("api_key") is not None:
        given["api_key"] = Secret(given["api_key"])
    if given.get("metadata", {}) is None:
        given["metadata"] = {}
    return ProviderChange(**given)


def to_provider(config: ProviderConfig, *, user_uid: str) -> model_schemas.ProviderConfiguration:
    return model_schemas.ProviderConfiguration(
        id=config.uid,
        user_id=user_uid,
        provider=config.provider_id,
        display_name=config.display_name,
        base_url=config.base_url,
        metadata=dict(config.metadata),
        has_api_key=config.has_api_key,
        api_key_preview=config.key_last_four or None,
        is_active=config.is_active,
        created_at=to_time(config.created_at),
        updated_at=to_time(config.updated_at),
    )


def to_test_result(report: KeyReport) -> model_schemas.ProviderTestResponse:
    return model_schemas.ProviderTestResponse(
        ok=report.verdict is Verdict.FINE,
        verdict=report.verdict.value,
        message=report.message,
        models=report.models,
        key_proven=report.is_key_proven,
    )


def to_listed(listed: ListedModel) -> model_schemas.ProviderModel:
    info, can = listed.info, listed.info.capabilities
    capabilities = {"streaming": can.streaming, "vision": can.vision, "tools": can.tools, "json_mode": can.json_mode}
    return model_schemas.ProviderModel(
        provider=listed.provider_id,
        id=info.id,
        name=info.label,
        description=info.description,
        context_window=can.max_context_tokens,
        max_output_tokens=info.max_output_tokens,
        pricing=None if info.prices is None else _to_pricing(info.prices),
        metadata={"capabilities": capabilities},
    )


def _to_pricing(prices: TokenPrices) -> model_schemas.Pricing:
    usd = {name: None if price is None else float(price) for name, price in asdict(prices).items()}
    return model_schemas.Pricing(input=usd["input_usd"], output=usd["output_usd"], cached_input=usd["cached_input_usd"])


def to_saved(saved: SavedModel, *, user_uid: str) -> model_schemas.ModelConfiguration:
    settings = saved.settings
    return model_schemas.ModelConfiguration(
        id=saved.uid,
        user_id=user_uid,
        provider_id=saved.provider_uid,
        provider=saved.provider_id,
        name=saved.name,
        model=saved.model,
        display_name=saved.display_name,
        description=saved.description,
        is_default=saved.is_default,
        is_active=saved.is_active,
        settings=model_schemas.Settings(
            temperature=settings.temperature,
            max_tokens=settings.max_tokens,
            top_p=settings.top_p,
            frequency_penalty=settings.frequency_penalty,
            presence_penalty=settings.presence_penalty,
            system_prompt=settings.system_prompt,
            metadata=dict(settings.metadata) or None,
        ),
        created_at=to_time(saved.created_at),
        updated_at=to_time(saved.updated_at),
    )
