"""Between the core's objects and document 2's JSON: pure functions, no I/O."""

from datetime import datetime

from hearthside.accounts.model import AuditEntry, Invite, NewSession, Session, User
from hearthside.conversations.model import Conversation, Message
from hearthside.dialects.conversations import schemas
from hearthside.dialects.replies import to_time, to_token_counts
from hearthside.models.model import ProviderListing
from hearthside.usage.model import DayUsage


def _to_time_or_none(moment: datetime | None) -> str | None:
    return None if moment is None else to_time(moment)


def to_user(user: User) -> schemas.UserOut:
    return schemas.UserOut(id=user.id, username=_name(user), role=user.role, status=user.status)


def to_user_row(user: User) -> schemas.UserRow:
    return schemas.UserRow(
        id=user.id,
        username=_name(user),
        display_name=user.display_name,
        role=user.role,
        status=user.status,
        created_at=to_time(user.created_at),
        last_login=_to_time_or_none(user.last_login_at),
    )


def _name(user: User) -> str:
    # An account that another dialect made may have an e-mail address alone; the address is its name to sign in with.
    return user.username or user.email or ""


def to_signed_in(new: NewSession) -> schemas.SignedIn:
    return schemas.SignedIn(user=to_user(new.user), csrf_token=new.csrf_token)


def to_session(session: Session, *, current_id: int | None) -> schemas.SessionOut:
    return schemas.SessionOut(
        id=session.uid,
        current=session.id == current_id,
        user_agent=session.user_agent,
        address=session.address,
        created_at=to_time(session.created_at),
        last_seen_at=to_time(session.last_seen_at),
        expires_at=to_time(session.expires_at),
    )


def to_invite(invite: Invite) -> schemas.InviteOut:
    return schemas.InviteOut(
        id=invite.id,
        created_by=invite.created_by,
        created_at=to_time(invite.created_at),
        expires_at=to_time(invite.expires_at),
        used_by=invite.used_by,
        used_at=_to_time_or_none(invite.used_at),
    )


def to_day_usage(usage: DayUsage) -> schemas.DayUsageOut:
    return schemas.DayUsageOut(
        user_id=usage.user_id,
        day=usage.day.isoformat(),
        requests=usage.requests,
        messages=usage.messages,
        prompt_tokens=usage.input_tokens,
        completion_tokens=usage.output_tokens,
        total_tokens=usage.total_tokens,
    )


def to_audit(entry: AuditEntry) -> schemas.AuditOut:
    return schemas.AuditOut(
        id=entry.id,
        at=to_time(entry.at),
        user_id=entry.actor_user_id,
        action=entry.action,
        target=entry.target,
        address=entry.address,
        detail=entry.detail,
    )


def to_conversation(conversation: Conversation) -> schemas.ConversationOut:
    return schemas.ConversationOut(
        id=conversation.id,
        title=conversation.title,
        created_at=to_time(conversation.created_at),
        updated_at=to_time(conversation.updated_at),
    )


def to_message(message: Message) -> schemas.MessageOut:
    return schemas.MessageOut(
        id=message.id,
        role=message.role,
        content=message.content,
        provider_meta=None if message.provider_meta is None else dict(message.provider_meta),
        token_usage=None if message.usage is None else schemas.TokenUsage(**to_token_counts(message.usage)),
        created_at=to_time(message.created_at),
        parent_id=message.parent_id,
        status=message.status,
    )


def to_provider(listing: ProviderListing) -> schemas.ProviderOut:
    can = listing.capabilities
    return schemas.ProviderOut(
        provider_id=listing.provider_id,
        name=listing.name,
        capabilities=schemas.CapabilitiesOut(
            streaming=can.streaming,
            vision=can.vision,
            tools=can.tools,
            json_mode=can.json_mode,
            max_context_tokens=can.max_context_tokens,
        ),
        models=[schemas.ModelOut(id=model.id, label=model.label) for model in listing.models],
    )
