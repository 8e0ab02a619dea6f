"""/auth: signing up, in and out; new tokens for old."""

from fastapi import APIRouter

from hearthside.dialects.credentials import From, Writer
from hearthside.dialects.envelope import requests, schemas
from hearthside.dialects.envelope.answers import Enveloped, Success, ok
from hearthside.dialects.envelope.codec import to_new_user, to_signed_in
from hearthside.dialects.services import House

router = APIRouter(prefix="/auth", tags=["auth"], default_response_class=Enveloped)


@router.post("/signup", status_code=201)
async def sign_up(body: requests.SignUpBody, house: House, origin: From) -> Success[schemas.SignedUp]:
    user = await house.accounts.sign_up(
        username=None, email=body.email, password=body.password, invite_code=body.invite_code, origin=origin
    )
    message = "User created successfully. Please sign in to get a session."
    return ok(schemas.SignedUp(user=to_new_user(user), message=message))


@router.post("/signin")
async def sign_in(body: requests.SignInBody, house: House, origin: From) -> Success[schemas.SignedIn]:
    """Also takes back a deletion of the account that was asked for: `account_status` says so."""
    return ok(to_signed_in(await house.accounts.issue_tokens(body.email, body.password, origin=origin)))


@router.post("/refresh")
async def refresh(body: requests.RefreshBody, house: House, origin: From) -> Success[schemas.SignedIn]:
    """The next access token; a refresh token works once."""
    return ok(to_signed_in(await house.accounts.refresh(body.refresh_token, origin=origin)))


@router.post("/signout")
async def sign_out(actor: Writer, house: House, origin: From) -> Success[schemas.SignedOut]:
    revoked = await house.accounts.sign_out(actor, origin=origin)
    return ok(schemas.SignedOut(message="Signed out successfully", revoked_sessions=revoked))
