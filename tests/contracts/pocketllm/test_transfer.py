"""Export and import: a whole account as one file, in both of the forms that clients send."""

import io
import json
import zipfile
from typing import Any

import aiohttp
import pytest

from tests.contracts.conftest import OpenHouse
from tests.contracts.house import House
from tests.contracts.pocketllm.app import App, detail, signed_up

EXPORT, IMPORT = "/users/profile/export", "/users/profile/import"


async def archive(app: App) -> bytes:
    reply = await app.send("GET", EXPORT)
    assert reply.status == 200
    assert reply.headers["Content-Type"] == "application/zip"
    assert reply.headers["Content-Disposition"].startswith('attachment; filename="hearthside-')
    return reply.body


def form(file: bytes) -> aiohttp.FormData:
    data = aiohttp.FormData()
    data.add_field("note", "not a file")
    data.add_field("file", io.BytesIO(file), filename="export.zip", content_type="application/zip")
    return data


async def test_a_round_trip(app: App, other: App) -> None:
    chat = await app.chat(title="Bread", initial_message="How long does it rise?")
    await app.done("POST", f"/chats/{chat}/messages", {"content": "And at night?"})
    exported = await archive(app)
    names = zipfile.ZipFile(io.BytesIO(exported)).namelist()
    assert any(name.endswith(".md") for name in names)
    result = await other.done("POST", IMPORT, data=exported, headers={"Content-Type": "application/zip"})
    assert result == {
        "format": "hearthside", "conversations": 1, "grown": 0, "messages": 2, "skipped": 0, "problems": []
    }  # fmt: skip
    (copy,) = await other.done("GET", "/chats")
    assert copy["title"] == "Bread"
    messages = await other.done("GET", f"/chats/{copy['id']}/messages")
    assert [message["content"] for message in messages] == ["How long does it rise?", "And at night?"]
    again = await other.done("POST", IMPORT, data=form(exported))
    assert (again["conversations"], again["messages"], again["skipped"]) == (0, 0, 1), "the same again adds nothing"


async def test_the_profile_fills_what_the_other_account_lacks(app: App, other: App) -> None:
    told = {
        "full_name": "Ada",
        "username": "ada",
        "bio": "Writes.",
        "date_of_birth": "1990-12-10",
        "age": 34,
        "avatar_url": "https://example.com/ada.png",
    }
    await app.done("PUT", "/users/profile", told)
    await app.done("POST", "/users/profile/onboarding", {"onboarding": {"interests": ["looms"]}})
    await other.done("PUT", "/users/profile", {"bio": "Reads."})
    result = await other.done("POST", IMPORT, data=await archive(app), headers={"Content-Type": "application/zip"})
    assert result["problems"] == []
    profile = await other.done("GET", "/users/profile")
    assert {name: profile[name] for name in told} == told | {"bio": "Reads.", "username": None}
    assert (profile["email"], profile["survey_completed"]) == ("other@example.com", True)
    assert profile["onboarding_responses"] == {"interests": ["looms"]}


async def test_a_form_with_a_file(app: App, other: App) -> None:
    await app.chat(title="Bread", initial_message="How long does it rise?")
    result = await other.done("POST", IMPORT, data=form(await archive(app)))
    assert (result["conversations"], result["messages"]) == (1, 1)


async def test_chatgpts_export(app: App) -> None:
    conversation = {
        "id": "tea",
        "title": "Tea",
        "create_time": 1_700_000_000.0,
        "update_time": 1_700_000_100.0,
        "current_node": "b",
        "mapping": {
            "a": {"id": "a", "parent": None, "children": ["b"], "message": None},
            "b": {
                "id": "b",
                "parent": "a",
                "children": [],
                "message": {
                    "id": "b",
                    "author": {"role": "user"},
                    "create_time": 1_700_000_000.0,
                    "content": {"content_type": "text", "parts": ["Green or black?"]},
                },
            },
        },
    }
    raw = json.dumps([conversation]).encode()
    result = await app.done("POST", IMPORT, data=raw, headers={"Content-Type": "application/json"})
    assert (result["format"], result["conversations"], result["messages"]) == ("chatgpt", 1, 1)
    assert [chat["title"] for chat in await app.done("GET", "/chats")] == ["Tea"]


@pytest.mark.parametrize(
    ("data", "content_type"),
    [
        (b"", "application/zip"),
        (b"no archive at all", "application/zip"),
        (b"", "multipart/form-data; boundary=x"),
        (b"--x\r\n", "multipart/form-data; boundary=x"),
        (b"--x\r\n\r\nno file\r\n--x--\r\n", "multipart/form-data; boundary=x"),
        (b"--x--\r\n", "multipart/form-data; boundary=x"),
        (b"whatever", "multipart/form-data"),
    ],
)
async def test_what_is_no_archive(app: App, data: bytes, content_type: str) -> None:
    reply = await app.send("POST", IMPORT, data=data, headers={"Content-Type": content_type})
    assert reply.status in {400, 422}, reply.body
    assert detail(reply)
    assert await app.done("GET", "/chats") == []


async def test_files_are_larger_than_other_bodies_but_not_without_end(open_server: OpenHouse) -> None:
    server = await open_server(max_body_bytes=2000, max_upload_bytes=50_000)
    app = await signed_up(server, "user@example.com")
    fits = await app.send("POST", IMPORT, data=b"x" * 40_000, headers={"Content-Type": "application/zip"})
    assert fits.status in {400, 422}

    async def chunks() -> Any:
        for _ in range(100):
            yield b"x" * 1000

    for data in (b"x" * 60_000, chunks(), form(b"x" * 60_000)):
        headers = {} if isinstance(data, aiohttp.FormData) else {"Content-Type": "application/zip"}
        reply = await app.send("POST", IMPORT, data=data, headers=headers)
        assert (reply.status, "50000" in detail(reply)) == (413, True)
    assert (await app.refused("POST", "/chats", {"title": "x", "initial_message": "x" * 3000}))[0] == 413
    assert await app.done("GET", "/chats") == []


async def test_the_other_prefix_takes_files_too(server: House, app: App) -> None:
    flat = App(app.client, "/flat/v1")
    result = await flat.done("POST", IMPORT, data=await archive(app), headers={"Content-Type": "application/zip"})
    assert result["format"] == "hearthside"
