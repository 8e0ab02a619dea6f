"""/auth: signing up, in and out; new tokens for old; and the ways in that are yet to come."""

from fastapi import APIRouter

from hearthside.dialects.credentials import From, Writer
from hearthside.dialects.pocketllm import account_schemas as schemas
from hearthside.dialects.pocketllm.codec import to_signed_in, to_signed_up
from hearthside.dialects.services import House

router = APIRouter(prefix="/auth", tags=["auth"])


@router.post("/signup")
async def sign_up(body: schemas.SignUpRequest, house: House, origin: From) -> schemas.SignUpResponse:
    signed_up = await house.accounts.sign_up_for_tokens(
        email=body.email,
        password=body.password,
        full_name=body.full_name,
        invite_code=body.invite_code,
        origin=origin,
    )
    return to_signed_up(signed_up.user, signed_up.tokens, now=house.clock.now())


@router.post("/signin")
async def sign_in(body: schemas.SignInRequest, house: House, origin: From) -> schemas.SignInResponse:
    """Also takes back a deletion of the account that was asked for: `account_status` says so."""
    pair = await house.accounts.issue_tokens(body.email, body.password, origin=origin)
    return to_signed_in(pair, now=house.clock.now())


@router.post("/refresh")
async def refresh(body: schemas.RefreshRequest, house: House, origin: From) -> schemas.SignInResponse:
    """The next access token; a refresh token works once."""
    pair = await house.accounts.refresh(body.refresh_token, origin=origin)
    return to_signed_in(pair, now=house.clock.now())


@router.post("/signout")
async def sign_out(actor: Writer, house: House, origin: From) -> schemas.SignOutResponse:
    return schemas.SignOutResponse(revoked_sessions=await house.accounts.sign_out(actor, origin=origin))


@router.post("/signin/magic-link", status_code=202)
async def magic_link(body: schemas.MagicLinkRequest) -> schemas.AuthFeatureAvailabilityResponse:  # noqa: ARG001 - it is checked
    return _coming("magic_link", "Signing in by a link in an e-mail")


@router.post("/signin/otp", status_code=202)
async def one_time_password(body: schemas.PhoneOtpRequest) -> schemas.AuthFeatureAvailabilityResponse:  # noqa: ARG001 - it is checked
    return _coming("sms_otp", "Signing in by a code in a text message")


@router.post("/signin/oauth", status_code=202)
async def oauth(body: schemas.OAuthProviderRequest) -> schemas.AuthFeatureAvailabilityResponse:
    return _coming(f"oauth:{body.provider}", f"Signing in with {body.provider}")


def _coming(feature: str, what: str) -> schemas.AuthFeatureAvailabilityResponse:
    message = f"{what} comes with a later release. Sign in with your password until then."
    return schemas.AuthFeatureAvailabilityResponse(feature=feature, message=message)
