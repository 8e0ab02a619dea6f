"""/users: one's own profile, and the end of one's account."""

from fastapi import APIRouter

from hearthside.dialects.credentials import From, Reader, Writer
from hearthside.dialects.pocketllm import account_schemas as schemas
from hearthside.dialects.pocketllm import fields
from hearthside.dialects.pocketllm.codec import (
    from_profile_update,
    from_survey,
    to_cancelled,
    to_deletion,
    to_profile,
)
from hearthside.dialects.services import House

router = APIRouter(prefix="/users", tags=["users"])


@router.get("/profile")
async def get_profile(actor: Reader, house: House) -> schemas.UserProfile:
    return to_profile(await house.profiles.get(actor))


@router.put("/profile")
async def update_profile(body: schemas.UserProfileUpdate, actor: Writer, house: House) -> schemas.UserProfile:
    return to_profile(await house.profiles.update(actor, from_profile_update(body)))


@router.delete("/profile")
async def delete_profile(actor: Writer, house: House, origin: From) -> schemas.DeleteAccountResponse:
    """Ends every session and token at once. Signing in before the day that is named keeps the account."""
    return to_deletion(await house.deletion.request(actor, origin=origin))


@router.post("/profile/deletion/cancel")
async def cancel_deletion(actor: Writer, house: House, origin: From) -> schemas.CancelDeletionResponse:
    cancelled = await house.deletion.cancel(actor, origin=origin)
    return to_cancelled(cancelled, await house.profiles.get(actor))


@router.post("/profile/onboarding")
async def onboarding(body: schemas.OnboardingSurvey, actor: Writer, house: House) -> schemas.UserProfile:
    return to_profile(await house.profiles.onboarding(actor, from_survey(body)))


@router.get("/{user_id}")
async def get_user(user_id: fields.UidInPath, actor: Reader, house: House) -> schemas.UserProfile:
    """One's own; nobody else's is there."""
    return to_profile(await house.profiles.find(actor, user_id))
