"""/providers: a user's own provider configurations, their keys, and what the providers list."""

from typing import Annotated

from fastapi import APIRouter, Query

from hearthside.dialects.credentials import Reader, Writer
from hearthside.dialects.envelope import fields, requests, schemas
from hearthside.dialects.envelope.answers import Enveloped, Success, ok
from hearthside.dialects.envelope.codec import from_provider_body, to_catalogue_model, to_provider
from hearthside.dialects.services import House, Services
from hearthside.kit.actor import Actor
from hearthside.kit.errors import Invalid, NotFound, UpstreamFailed
from hearthside.kit.secret import Secret
from hearthside.providers.changes import ProviderChange
from hearthside.providers.model import Endpoint

router = APIRouter(prefix="/providers", tags=["providers"], default_response_class=Enveloped)

Name = Annotated[fields.Line | None, Query(max_length=500, description="Part of a name, an id or a description")]


@router.get("")
async def list_providers(actor: Reader, house: House) -> Success[list[schemas.ProviderRow]]:
    return ok([to_provider(config) for config in await house.directory.configs(actor.user_id)])


@router.post("/activate", status_code=201)
async def activate(body: requests.ActivateBody, actor: Writer, house: House) -> Success[schemas.ProviderRow]:
    config = await house.directory.configure(
        actor.user_id,
        body.provider,
        api_key=None if body.api_key is None else Secret(body.api_key),
        base_url=body.base_url,
        display_name=body.display_name,
        metadata=body.metadata,
    )
    return ok(to_provider(config))


@router.patch("/{provider}")
async def update(
    provider: fields.Uid, body: requests.ProviderBody, actor: Writer, house: House
) -> Success[schemas.ProviderRow]:
    return ok(to_provider(await house.directory.update(actor.user_id, provider, from_provider_body(body))))


@router.delete("/{provider}")
async def deactivate(provider: fields.Uid, actor: Writer, house: House) -> Success[schemas.ProviderRow]:
    """Nothing uses it any more, and its key is gone."""
    change = ProviderChange(api_key=None, is_active=False)
    return ok(to_provider(await house.directory.update(actor.user_id, provider, change)))


@router.get("/{provider}/models")
async def list_provider_models(
    provider: fields.Uid, actor: Reader, house: House, search: Name = None
) -> Success[list[schemas.CatalogueModel]]:
    """What the provider offers. `search` is looked for whatever the case. 502 says why there is nothing to see."""
    endpoint = await _endpoint(house, actor, provider)
    offer = await house.catalogue.offer_of(actor.user_id, provider, query=search)
    if offer.incomplete:
        await house.catalogue.listed(endpoint, anew=False)  # raises the reason, where it has never listed anything
        raise UpstreamFailed(f"{endpoint.name} does not list its models just now. Try again in a moment.")
    return ok([to_catalogue_model(listed) for listed in offer.models])


async def _endpoint(house: Services, actor: Actor, provider: str) -> Endpoint:
    """Errors: NotFound; the core calls it an invalid value, and here it is what the path names."""
    try:
        return await house.directory.endpoint(actor.user_id, provider)
    except Invalid as error:
        raise NotFound(error.message, code=error.code) from None
