"""/models: the catalogues of all providers, and the models that a user has saved."""

from fastapi import APIRouter

from hearthside.dialects.credentials import Reader, Writer
from hearthside.dialects.pocketllm import fields
from hearthside.dialects.pocketllm import model_schemas as schemas
from hearthside.dialects.pocketllm.codec import to_saved
from hearthside.dialects.services import House
from hearthside.models.model import Selection

router = APIRouter(prefix="/models", tags=["models"])


@router.get("/saved")
async def list_saved(actor: Reader, house: House) -> list[schemas.ModelConfiguration]:
    return [to_saved(saved, user_uid=actor.user_uid) for saved in await house.saved_models.list(actor)]


@router.post("/import")
async def import_models(
    body: schemas.ModelImportRequest, actor: Writer, house: House
) -> list[schemas.ModelConfiguration]:
    """A model that was imported before keeps its id and its settings."""
    selections = None if body.models is None else [Selection(model) for model in body.models]
    imported = await house.saved_models.import_(actor, body.provider, selections=selections, sync=body.sync)
    return [to_saved(saved, user_uid=actor.user_uid) for saved in imported]


@router.delete("/{model_id}", status_code=204)
async def delete(model_id: fields.UidInPath, actor: Writer, house: House) -> None:
    """Where it was the default, the most recently used other one becomes it."""
    await house.saved_models.delete(actor, model_id)
