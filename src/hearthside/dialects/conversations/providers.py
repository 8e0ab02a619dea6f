"""/providers: which models there are to choose from."""

from fastapi import APIRouter

from hearthside.dialects.conversations import schemas
from hearthside.dialects.conversations.codec import to_provider
from hearthside.dialects.credentials import Reader
from hearthside.dialects.services import House

router = APIRouter(tags=["providers"])


@router.get("/providers")
async def list_providers(actor: Reader, house: House) -> list[schemas.ProviderOut]:
    return [to_provider(listing) for listing in await house.catalogue.providers(actor.user_id)]
