"""Between the core's objects and GoTrue's JSON: pure functions, no I/O."""

from datetime import UTC, datetime

from hearthside.accounts.model import Profile, ProfileChange, TokenPair, User
from hearthside.dialects.gotrue import schemas


def to_time(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def to_granted(pair: TokenPair, *, now: datetime) -> schemas.Granted:
    return schemas.Granted(
        access_token=pair.access_token,
        token_type="bearer",  # noqa: S106 - GoTrue's word for it, no secret
        expires_in=pair.expires_in_seconds,
        expires_at=int(now.timestamp()) + pair.expires_in_seconds,
        refresh_token=pair.refresh_token,
        user=to_user(pair.user),
    )


def to_user(user: User, profile: Profile | None = None, *, is_confirmed: bool = True) -> schemas.UserOut:
    """`profile` None: only the name is known."""
    created_at = to_time(user.created_at)
    confirmed_at = created_at if is_confirmed else None
    last_sign_in_at = to_time(user.last_login_at) if user.last_login_at else None
    told = {"email": user.email, "full_name": user.display_name, "avatar_url": profile.avatar_url if profile else None}
    metadata = {name: text for name, text in told.items() if text is not None}
    identity = schemas.Identity(
        identity_id=user.uid,
        id=user.uid,
        user_id=user.uid,
        provider="email",
        identity_data={"sub": user.uid, **metadata},
        email=user.email,
        created_at=created_at,
        updated_at=created_at,
        last_sign_in_at=last_sign_in_at,
    )
    return schemas.UserOut(
        id=user.uid,
        aud="authenticated",
        role="authenticated",
        email=user.email,
        email_confirmed_at=confirmed_at,
        confirmed_at=confirmed_at,
        phone="",
        last_sign_in_at=last_sign_in_at,
        app_metadata={"provider": "email", "providers": ["email"]},
        user_metadata=metadata,
        identities=[identity],
        created_at=created_at,
        updated_at=to_time(profile.updated_at) if profile else created_at,
        is_anonymous=False,
    )


def from_told(told: schemas.Told) -> ProfileChange:
    return ProfileChange(full_name=told.full_name or told.name, avatar_url=told.avatar_url)
