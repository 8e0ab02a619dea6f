"""/auth: signing in and out, one's own account and devices."""

from fastapi import APIRouter, Response

from hearthside.dialects.conversations import fields, schemas
from hearthside.dialects.conversations.codec import to_session, to_signed_in, to_user
from hearthside.dialects.credentials import (
    From,
    Reader,
    Writer,
    clear_session_cookie,
    set_session_cookie,
)
from hearthside.dialects.services import House
from hearthside.kit.actor import CredentialKind

router = APIRouter(prefix="/auth", tags=["auth"])


@router.post("/login")
async def login(body: schemas.LoginBody, response: Response, house: House, origin: From) -> schemas.SignedIn:
    new = await house.accounts.sign_in(body.username, body.password, origin=origin)
    set_session_cookie(response, new, house.settings)
    return to_signed_in(new)


@router.post("/register")
async def register(body: schemas.RegisterBody, response: Response, house: House, origin: From) -> schemas.SignedIn:
    new = await house.accounts.sign_up_for_session(
        username=body.username,
        email=body.email,
        password=body.password,
        invite_code=body.invite_code,
        display_name=body.display_name,
        origin=origin,
    )
    set_session_cookie(response, new, house.settings)
    return to_signed_in(new)


@router.post("/logout")
async def logout(response: Response, actor: Writer, house: House, origin: From) -> schemas.Done:
    await house.accounts.sign_out(actor, origin=origin)
    clear_session_cookie(response, house.settings)
    return schemas.Done(message="Logged out successfully")


@router.get("/me")
async def me(actor: Reader, house: House) -> schemas.Me:
    user = await house.accounts.user(actor)
    with_cookie = actor.credential is CredentialKind.SESSION
    csrf_token = await house.accounts.csrf_token(actor) if with_cookie else None
    return schemas.Me(user=to_user(user), csrf_token=csrf_token)


@router.post("/password")
async def change_password(body: schemas.PasswordBody, actor: Writer, house: House, origin: From) -> schemas.Done:
    await house.accounts.change_password(actor, current=body.current_password, new=body.new_password, origin=origin)
    return schemas.Done(message="Password changed")


@router.get("/sessions")
async def list_sessions(actor: Reader, house: House) -> list[schemas.SessionOut]:
    current = None if actor.credential is CredentialKind.API_TOKEN else actor.credential_id
    return [to_session(session, current_id=current) for session in await house.accounts.sessions(actor)]


@router.delete("/sessions/{session_id}")
async def end_session(session_id: fields.Uid, actor: Writer, house: House, origin: From) -> schemas.Done:
    await house.accounts.end_session(actor, session_id, origin=origin)
    return schemas.Done(message="Session ended")
