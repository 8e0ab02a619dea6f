"""The four operations that document 3 has at the same paths, where the form of the token decides who answers.

This dialect answers everybody whom no other one does: a dialect for API tokens is installed before this one, with
routes of the class `ForApiTokens` (dialects/token_form.py), and takes its own out of the way.
"""

from fastapi import APIRouter, Response

from hearthside.dialects.credentials import Reader, Writer
from hearthside.dialects.pocketllm import fields
from hearthside.dialects.pocketllm import model_schemas as schemas
from hearthside.dialects.pocketllm.codec import to_listed, to_provider, to_saved
from hearthside.dialects.services import House
from hearthside.models.model import Offer

router = APIRouter()


@router.get("/providers", tags=["providers"])
async def list_providers(actor: Reader, house: House) -> list[schemas.ProviderConfiguration]:
    """One's own."""
    configs = await house.directory.configs(actor.user_id)
    return [to_provider(config, user_uid=actor.user_uid) for config in configs]


@router.get("/models", tags=["models"], responses=fields.CATALOGUE)
async def list_models(
    response: Response, actor: Reader, house: House, q: fields.Search = None
) -> list[schemas.ProviderModel]:
    """What all providers offer. One that does not answer within two seconds is left out."""
    offer = await house.catalogue.offer(actor.user_id, query=q)
    say_incomplete(response, offer)
    return [to_listed(listed) for listed in offer.models]


@router.get("/models/{model_id}", tags=["models"])
async def get_model(model_id: fields.UidInPath, actor: Reader, house: House) -> schemas.ModelConfiguration:
    return to_saved(await house.saved_models.get(actor, model_id), user_uid=actor.user_uid)


@router.post("/models/{model_id}/default", tags=["models"])
async def set_default(
    model_id: fields.UidInPath,
    actor: Writer,
    house: House,
    body: schemas.ModelDefaultRequest | None = None,  # noqa: ARG001 - it is checked
) -> schemas.ModelConfiguration:
    """In the place of any other."""
    return to_saved(await house.saved_models.set_default(actor, model_id), user_uid=actor.user_uid)


def say_incomplete(response: Response, offer: Offer) -> None:
    """Names the providers whose models are missing."""
    if offer.incomplete:
        response.headers[fields.INCOMPLETE] = ",".join(offer.incomplete)
