"""/providers: a user's own provider configurations, their keys, and what the providers list."""

from typing import Annotated

from fastapi import APIRouter, Depends, Response

from hearthside.dialects.credentials import Reader, Throttled, Writer
from hearthside.dialects.pocketllm import fields
from hearthside.dialects.pocketllm import model_schemas as schemas
from hearthside.dialects.pocketllm.codec import from_provider_update, to_listed, to_provider, to_test_result
from hearthside.dialects.pocketllm.shared import say_incomplete
from hearthside.dialects.services import House
from hearthside.kit.actor import Actor, Scope
from hearthside.kit.secret import Secret

router = APIRouter(prefix="/providers", tags=["providers"])

Tester = Annotated[Actor, Depends(Throttled("key-test", Scope.WRITE))]


@router.post("/activate")
async def activate(
    body: schemas.ProviderActivationRequest, actor: Writer, house: House
) -> schemas.ProviderActivationResponse:
    config = await house.directory.configure(
        actor.user_id,
        body.provider,
        api_key=None if body.api_key is None else Secret(body.api_key),
        base_url=body.base_url,
        display_name=body.display_name,
        metadata=body.metadata,
    )
    return schemas.ProviderActivationResponse(provider=to_provider(config, user_uid=actor.user_uid))


@router.patch("/{provider}")
async def update(
    provider: fields.ProviderInPath, body: schemas.ProviderUpdateRequest, actor: Writer, house: House
) -> schemas.ProviderConfiguration:
    config = await house.directory.update(actor.user_id, provider, from_provider_update(body))
    return to_provider(config, user_uid=actor.user_uid)


@router.delete("/{provider}", status_code=204)
async def deactivate(provider: fields.ProviderInPath, actor: Writer, house: House) -> None:
    """Nothing uses it any more, and its key is gone; the rest stays for the day that it is activated again."""
    await house.directory.deactivate(actor.user_id, provider)


@router.post("/{provider}/test")
async def try_key(
    provider: fields.ProviderInPath, actor: Tester, house: House, body: schemas.ProviderTestRequest | None = None
) -> schemas.ProviderTestResponse:
    """Whether the key works, in plain words: the one in the body, or the one that is stored. Nothing is changed."""
    tried = body or schemas.ProviderTestRequest()
    report = await house.key_check.check(
        actor.user_id,
        provider,
        api_key=None if tried.api_key is None else Secret(tried.api_key),
        base_url=tried.base_url,
        metadata=tried.metadata,
    )
    return to_test_result(report)


@router.get("/{provider}/models", responses=fields.CATALOGUE)
async def list_provider_models(
    provider: fields.ProviderInPath, response: Response, actor: Reader, house: House, q: fields.Search = None
) -> list[schemas.ProviderModel]:
    """What the provider offers; nothing for one that is not configured."""
    offer = await house.catalogue.offer_of(actor.user_id, provider, query=q)
    say_incomplete(response, offer)
    return [to_listed(listed) for listed in offer.models]
