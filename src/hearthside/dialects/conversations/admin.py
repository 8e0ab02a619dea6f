"""/admin: the first administrator, users, invites, usage and the audit log."""

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Header, Query, Response

from hearthside.accounts.model import UserStatus
from hearthside.accounts.service import LARGEST_AUDIT_PAGE
from hearthside.dialects.conversations import fields, schemas
from hearthside.dialects.conversations.codec import (
    to_audit,
    to_day_usage,
    to_invite,
    to_signed_in,
    to_time,
    to_user_row,
)
from hearthside.dialects.credentials import Administrator, From, set_session_cookie
from hearthside.dialects.services import House
from hearthside.kit.actor import Role

router = APIRouter(prefix="/admin", tags=["admin"])

AuditLimit = Annotated[int, Query(ge=1, le=LARGEST_AUDIT_PAGE)]
AuditCursor = Annotated[int | None, Query(le=fields.MAX_ID, description="X-Next-Cursor of the page before")]
Days = Annotated[int, Query(ge=1, le=366)]
BootstrapToken = Annotated[str, Header(alias="X-Bootstrap-Token", max_length=1024)]


@router.post("/bootstrap")
async def bootstrap(
    body: schemas.BootstrapBody, response: Response, house: House, origin: From, token: BootstrapToken = ""
) -> schemas.SignedIn:
    new = await house.accounts.bootstrap(token, username=body.username, password=body.password, origin=origin)
    set_session_cookie(response, new, house.settings)
    return to_signed_in(new)


@router.get("/users")
async def list_users(actor: Administrator, house: House) -> schemas.UserList:
    return schemas.UserList(users=[to_user_row(user) for user in await house.accounts.users(actor)])


@router.patch("/users/{user_id}")
async def update_user(
    user_id: fields.Id, body: schemas.UserPatch, actor: Administrator, house: House, origin: From
) -> schemas.UserRow:
    role = None if body.role is None else Role(body.role)
    status = None if body.status is None else UserStatus(body.status)
    return to_user_row(await house.accounts.update_user(actor, user_id, role=role, status=status, origin=origin))


@router.post("/invites")
async def create_invite(
    actor: Administrator, house: House, origin: From, body: schemas.InviteBody | None = None
) -> schemas.NewInvite:
    hours = (body or schemas.InviteBody(expires_in_hours=24)).expires_in_hours
    code, invite = await house.accounts.create_invite(actor, expires_in_hours=hours, origin=origin)
    return schemas.NewInvite(invite_code=code, expires_at=to_time(invite.expires_at))


@router.get("/invites")
async def list_invites(actor: Administrator, house: House) -> schemas.InviteList:
    return schemas.InviteList(invites=[to_invite(invite) for invite in await house.accounts.invites(actor)])


@router.delete("/invites/{invite_id}")
async def delete_invite(invite_id: fields.Id, actor: Administrator, house: House, origin: From) -> schemas.Done:
    await house.accounts.delete_invite(actor, invite_id, origin=origin)
    return schemas.Done(message="Invite deleted")


@router.get("/usage")
async def usage(actor: Administrator, house: House, days: Days = 30) -> schemas.UsageList:
    """Every user's last `days` days, today included; days without use are left out."""
    today = house.clock.now().date()
    totals = await house.usage.totals(actor, first=today - timedelta(days=days - 1), last=today)
    return schemas.UsageList(usage=[to_day_usage(day) for day in totals])


@router.get("/audit", responses=fields.PAGED)
async def audit(
    response: Response, actor: Administrator, house: House, limit: AuditLimit = 100, cursor: AuditCursor = None
) -> schemas.AuditList:
    """The newest first."""
    entries = await house.accounts.audit(actor, before_id=cursor, limit=limit)
    if len(entries) == limit:
        response.headers[fields.NEXT_CURSOR] = str(entries[-1].id)
    return schemas.AuditList(audit=[to_audit(entry) for entry in entries])
