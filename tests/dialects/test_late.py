import asyncio
from collections.abc import Callable

from fastapi import FastAPI
from starlette.testclient import TestClient

from hearthside.app import late_doors
from hearthside.dialects import envelope, gotrue, pocketllm
from hearthside.dialects.late import Door, Installer, LateDoors
from hearthside.settings import Settings


def a_door(prefix: str, loads: list[str]) -> Door:
    def load() -> Installer:
        loads.append(prefix)
        return install

    def install(app: FastAPI) -> None:
        app.add_api_route(f"{prefix}/hello", lambda: {"from": prefix})

    return Door((prefix,), load)


def client(*make: Callable[[list[str]], Door]) -> tuple[TestClient, list[str]]:
    loads: list[str] = []
    app = FastAPI()
    app.add_api_route("/here", lambda: {"from": "/"})
    app.add_middleware(LateDoors, doors=[one(loads) for one in make])
    return TestClient(app), loads


def both() -> tuple[TestClient, list[str]]:
    return client(lambda loads: a_door("/one", loads), lambda loads: a_door("/two", loads))


def test_a_door_opens_at_the_first_knock_and_once() -> None:
    house, loads = both()
    assert house.get("/here").json() == {"from": "/"}
    assert loads == []
    for _ in range(2):
        assert house.get("/one/hello").json() == {"from": "/one"}
    assert house.get("/onerous").status_code == 404
    assert loads == ["/one"]


def test_the_description_shows_the_whole_house() -> None:
    house, loads = both()
    assert {"/here", "/one/hello", "/two/hello"} <= set(house.get("/openapi.json").json()["paths"])
    assert loads == ["/one", "/two"]


async def test_many_knocks_at_once_open_one_door() -> None:
    loads: list[str] = []
    answered: list[str] = []

    async def inside(scope: object, receive: object, send: object) -> None:
        answered.append("yes")

    doors = LateDoors(inside, doors=[a_door("/one", loads)])
    scope = {"type": "http", "path": "/one/hello", "app": FastAPI()}
    await asyncio.gather(*(doors(scope, None, None) for _ in range(20)))  # type: ignore[arg-type]
    assert (loads, len(answered)) == (["/one"], 20)


def test_every_late_dialect_has_the_paths_that_it_says_it_has() -> None:
    doors = {prefix for door in late_doors(Settings()) for prefix in door.prefixes}
    own = {pocketllm.OWN_PREFIX, envelope.OWN_PREFIX, envelope.docs.PATH, gotrue.OWN_PREFIX}
    assert doors == {"/v1", *own}
