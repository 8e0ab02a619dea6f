"""Two dialects at one path: the form of the token decides who answers."""

from fastapi import APIRouter, FastAPI

from hearthside.dialects.token_form import ForApiTokens
from tests.dialects.asgi import call


def both() -> FastAPI:
    for_tokens, for_people = APIRouter(route_class=ForApiTokens), APIRouter()

    @for_tokens.get("/models/{model_id:path}")
    async def by_token(model_id: str) -> str:
        return f"tokens: {model_id}"

    @for_people.get("/models/{model_id}")
    async def by_person(model_id: str) -> str:
        return f"people: {model_id}"

    @for_people.delete("/models/{model_id}")
    async def delete(model_id: str) -> str:
        return f"deleted: {model_id}"

    app = FastAPI()
    app.include_router(for_tokens, prefix="/v1")
    app.include_router(for_people, prefix="/v1")
    return app


async def test_api_tokens_go_to_one_and_all_others_to_the_other() -> None:
    for headers, answer in [
        ({"Authorization": "Bearer hs_abc"}, "tokens: m"),
        ({"Authorization": "bearer  hs_abc"}, "tokens: m"),
        ({"X-API-Key": "hs_abc"}, "tokens: m"),
        ({"Authorization": "Bearer eyJ.a.b"}, "people: m"),
        ({"Authorization": "Basic hs_abc"}, "people: m"),
        ({"X-API-Key": "eyJ.a.b"}, "people: m"),
        ({"Cookie": "hearthside_session=hs_abc"}, "people: m"),
        ({}, "people: m"),
    ]:
        assert (await call(both(), path="/v1/models/m", headers=headers)).json == answer, headers


async def test_what_only_the_other_dialect_has_is_there_for_api_tokens_too() -> None:
    headers = {"X-API-Key": "hs_abc"}
    assert (await call(both(), "DELETE", "/v1/models/m", headers=headers)).json == "deleted: m"
