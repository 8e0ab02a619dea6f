"""/signup, /token, /logout."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query

from hearthside.accounts.model import Origin, TokenPair
from hearthside.dialects.credentials import From, Writer
from hearthside.dialects.gotrue import schemas
from hearthside.dialects.gotrue.codec import to_granted, to_user
from hearthside.dialects.gotrue.errors import NotOffered, RefreshRefused
from hearthside.dialects.services import House, Services
from hearthside.kit.errors import FieldProblem, Invalid, Unauthenticated

router = APIRouter(tags=["gotrue"])

GrantType = Annotated[str, Query(max_length=100)]
LogoutScope = Annotated[Literal["global", "local", "others"], Query(alias="scope")]


@router.post("/signup")
async def sign_up(body: schemas.SignUpBody, house: House, origin: From) -> schemas.Granted | schemas.UserOut:
    """The tokens of the new user; the user alone where they have to confirm their address first."""
    if body.phone:
        raise NotOffered("Signups by telephone are not offered here.", gotrue_code="phone_provider_disabled")
    if not body.email:
        raise NotOffered("Anonymous sign-ins are disabled", gotrue_code="anonymous_provider_disabled")
    told = body.data or schemas.Told()
    signed_up = await house.accounts.sign_up_for_tokens(
        email=body.email,
        password=body.password or "",
        full_name=told.full_name or told.name,
        invite_code=told.invite_code,
        origin=origin,
    )
    if signed_up.tokens is None:
        return to_user(signed_up.user, is_confirmed=False)
    return to_granted(signed_up.tokens, now=house.clock.now())


@router.post("/token")
async def token(body: schemas.TokenBody, house: House, origin: From, grant_type: GrantType = "") -> schemas.Granted:
    """By `grant_type`: a password, or a refresh token, which works once."""
    if grant_type == "password":
        pair = await house.accounts.issue_tokens(_given(body.email, "email"), body.password or "", origin=origin)
    elif grant_type == "refresh_token":
        pair = await _refreshed(house, _given(body.refresh_token, "refresh_token"), origin)
    else:
        raise Invalid("unsupported_grant_type: password and refresh_token are.")
    return to_granted(pair, now=house.clock.now())


async def _refreshed(house: Services, refresh_token: str, origin: Origin) -> TokenPair:
    try:
        return await house.accounts.refresh(refresh_token, origin=origin)
    except Unauthenticated as error:
        raise RefreshRefused("Invalid Refresh Token: Refresh Token Not Found") from error


def _given(text: str | None, field: str) -> str:
    if not text:
        raise Invalid(f"{field} is missing.", fields=[FieldProblem(f"body.{field}", "is missing")])
    return text


@router.post("/logout", status_code=204)
async def logout(actor: Writer, house: House, origin: From, which: LogoutScope = "global") -> None:
    """Ends the session of the token; with `others` all but that, and by default all."""
    if which != "local":
        await house.accounts.end_other_sessions(actor, origin=origin)
    if which != "others":
        await house.accounts.sign_out(actor, origin=origin)
