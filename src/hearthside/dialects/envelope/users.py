"""/users: one's own profile, and the end of one's account."""

from fastapi import APIRouter

from hearthside.accounts.model import ProfileChange
from hearthside.dialects.credentials import From, Reader, Writer
from hearthside.dialects.envelope import requests, schemas
from hearthside.dialects.envelope.answers import Enveloped, Success, ok
from hearthside.dialects.envelope.codec import to_profile
from hearthside.dialects.services import House

router = APIRouter(prefix="/users", tags=["users"], default_response_class=Enveloped)


@router.get("/profile")
async def get_profile(actor: Reader, house: House) -> Success[schemas.ProfileOut]:
    return ok(to_profile(await house.profiles.get(actor)))


@router.put("/profile")
async def update_profile(body: requests.ProfileBody, actor: Writer, house: House) -> Success[schemas.ProfileOut]:
    change = ProfileChange(**body.model_dump())
    return ok(to_profile(await house.profiles.update(actor, change)))


@router.delete("/profile")
async def delete_profile(actor: Writer, house: House, origin: From) -> Success[schemas.Done]:
    """Ends every session at once; after 30 days nothing is left. Signing in before that keeps the account."""
    await house.deletion.request(actor, origin=origin)
    return ok(schemas.Done(message="User account deleted successfully"))
