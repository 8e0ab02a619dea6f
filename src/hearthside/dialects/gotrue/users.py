"""/user: oneself."""

from fastapi import APIRouter

from hearthside.dialects.credentials import From, Reader, Writer
from hearthside.dialects.gotrue import schemas
from hearthside.dialects.gotrue.codec import from_told, to_user
from hearthside.dialects.gotrue.errors import NotOffered
from hearthside.dialects.services import House, Services
from hearthside.kit.actor import Actor

router = APIRouter(tags=["gotrue"])


@router.get("/user")
async def get_user(actor: Reader, house: House) -> schemas.UserOut:
    return await _shown(actor, house)


@router.put("/user")
async def update_user(body: schemas.UserBody, actor: Writer, house: House, origin: From) -> schemas.UserOut:
    """What is told of oneself; and a new password, with the current one."""
    user = await house.accounts.user(actor)
    if body.phone or (body.email and body.email != user.email):
        raise NotOffered("The address of an account cannot be changed here.", gotrue_code="validation_failed")
    if body.password and not body.current_password:
        raise NotOffered("Send the current password too (current_password).", gotrue_code="reauthentication_needed")
    if body.password and body.current_password:
        current, new = body.current_password, body.password
        await house.accounts.change_password(actor, current=current, new=new, origin=origin)
    if body.data:
        await house.profiles.update(actor, from_told(body.data))
    return await _shown(actor, house)


async def _shown(actor: Actor, house: Services) -> schemas.UserOut:
    return to_user(await house.accounts.user(actor), await house.profiles.get(actor))
