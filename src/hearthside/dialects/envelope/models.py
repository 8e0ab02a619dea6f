"""/models: the models that a user has imported, and which of them is the default."""

from fastapi import APIRouter

from hearthside.dialects.credentials import Reader, Writer
from hearthside.dialects.envelope import fields, requests, schemas
from hearthside.dialects.envelope.answers import Enveloped, Success, ok
from hearthside.dialects.envelope.codec import from_selection, from_shared_settings, to_model
from hearthside.dialects.services import House, Services
from hearthside.kit.actor import Actor
from hearthside.kit.errors import FieldProblem, Invalid

router = APIRouter(prefix="/models", tags=["models"], default_response_class=Enveloped)


@router.get("")
async def list_models(actor: Reader, house: House) -> Success[list[schemas.ModelRow]]:
    return ok([to_model(saved) for saved in await house.saved_models.list(actor)])


@router.post("/import", status_code=201)
async def import_models(body: requests.ImportBody, actor: Writer, house: House) -> Success[list[schemas.ModelRow]]:
    """A model that was imported before keeps its id."""
    if body.provider_id is not None:
        await _check_provider_id(house, actor, body.provider, body.provider_id)
    imported = await house.saved_models.import_(
        actor,
        body.provider,
        selections=[from_selection(selection) for selection in body.selections],
        settings=from_shared_settings(body.shared_settings),
        sync=False,
    )
    return ok([to_model(saved) for saved in imported])


@router.get("/{model_id}")
async def get_model(model_id: fields.Uid, actor: Reader, house: House) -> Success[schemas.ModelRow]:
    return ok(to_model(await house.saved_models.get(actor, model_id)))


@router.delete("/{model_id}")
async def delete_model(model_id: fields.Uid, actor: Writer, house: House) -> Success[schemas.Done]:
    """Where it was the default, the most recently used other one becomes it."""
    await house.saved_models.delete(actor, model_id)
    return ok(schemas.Done(message="Model deleted successfully"))


@router.post("/{model_id}/default", status_code=201)
async def set_default(model_id: fields.Uid, actor: Writer, house: House) -> Success[schemas.ModelRow]:
    return ok(to_model(await house.saved_models.set_default(actor, model_id)))


async def _check_provider_id(house: Services, actor: Actor, provider: str, uid: str) -> None:
    configs = await house.directory.configs(actor.user_id)
    if not any((config.provider_id, config.uid) == (provider, uid) for config in configs):
        problem = FieldProblem("providerId", f"is not the id of your provider {provider!r}")
        raise Invalid("The provider's id is wrong.", fields=[problem])
