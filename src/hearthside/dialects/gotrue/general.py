"""/settings, /health and the published keys: what clients ask before anybody has signed in."""

from fastapi import APIRouter

from hearthside import __version__
from hearthside.dialects.gotrue import schemas
from hearthside.dialects.services import House
from hearthside.settings import SignUp

router = APIRouter(tags=["gotrue"])


@router.get("/settings")
async def settings(house: House) -> schemas.PublicSettings:
    return schemas.PublicSettings(
        external={"email": True, "phone": False, "anonymous_users": False},
        disable_signup=house.settings.effective_sign_up is SignUp.CLOSED,
        mailer_autoconfirm=house.settings.supabase_url is None,
        phone_autoconfirm=False,
        sms_provider="",
        mfa_enabled=False,
        saml_enabled=False,
    )


@router.get("/health")
async def health() -> schemas.Health:
    return schemas.Health(
        version=__version__, name="GoTrue", description="Hearthside, in the words of GoTrue, a user registration API"
    )


@router.get("/.well-known/jwks.json")
async def keys() -> schemas.Keys:
    return schemas.Keys(keys=[])
