"""Files that come in, whole or in a form, and in whatever pieces."""

import logging

import pytest
from fastapi import FastAPI, Request

from hearthside.dialects.conversations.errors import to_response
from hearthside.dialects.edge import Edge, EdgePolicy
from hearthside.dialects.errors import error_table
from hearthside.dialects.uploads import upload_paths, uploaded
from hearthside.kit.clock import ManualClock
from hearthside.settings import Settings
from tests.dialects.asgi import Client, call, scope

FORM = {"Content-Type": 'multipart/form-data; charset=utf-8; boundary="a b"'}
CONTENT = bytes(range(256)) * 20 + b"\r\n--a \r\n\r\n--a c\r\n"


def taking() -> FastAPI:
    """An application that says how long the file was that it took."""
    app = FastAPI()
    error_table(app).add("", to_response)
    upload_paths(app).add("/take")

    @app.post("/take")
    async def take(request: Request) -> dict[str, object]:
        async with uploaded(request) as file:
            return {"file": file.read().hex()}

    policy = EdgePolicy.from_settings(Settings(max_body_bytes=1024, max_upload_bytes=20_000))
    app.add_middleware(Edge, policy=policy, errors=error_table(app), clock=ManualClock(), uploads=upload_paths(app))
    return app


def form(*parts: tuple[str, bytes], preamble: bytes = b"") -> bytes:
    body = preamble
    for disposition, content in parts:
        body += b"--a b\r\nContent-Type: text/plain\r\nContent-Disposition: form-data; " + disposition.encode()
        body += b"\r\n\r\n" + content + b"\r\n"
    return body + b"--a b--\r\n"


async def took(client: Client) -> bytes:
    assert client.status == 200, client.body
    return bytes.fromhex(client.json["file"])


@pytest.mark.parametrize("size", [1, 7, 100_000])
async def test_a_body_is_the_file(size: int) -> None:
    pieces = [CONTENT[start : start + size] for start in range(0, len(CONTENT), size)]
    assert await took(await call(taking(), "POST", "/take", body=pieces)) == CONTENT


@pytest.mark.parametrize(
    "body",
    [
        form(('name="file"; filename="x.zip"', CONTENT)),
        form(('name="note"', b"words"), ('name="file"; filename="x.zip"', CONTENT), ('name="more"', b"words")),
        form(('name="file"; filename="first"', CONTENT), ('name="file"; filename="second"', b"other")),
        form(('name="file"; filename=""', CONTENT)),
        form(('name="file"; filename="x"', CONTENT), preamble=b"For those who cannot read this.\r\n"),
    ],
)
async def test_the_first_file_of_a_form(body: bytes) -> None:
    assert await took(await call(taking(), "POST", "/take", headers=FORM, body=[body[:50], body[50:]])) == CONTENT


async def test_an_empty_file() -> None:
    body = form(('name="file"; filename="x"', b""))
    assert await took(await call(taking(), "POST", "/take", headers=FORM, body=[body])) == b""


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({}, b""),
        (FORM, b""),
        (FORM, b"--a b"),
        (FORM, b"--a b--\r\n"),
        (FORM, form(("name=note", b"words"))),
        (FORM, form(('name="file"; filename="x"', CONTENT))[: -len(b"\r\n--a b--\r\n")]),
        (FORM, form(*[("name=note", b"words")] * 200, ('name="file"; filename="x"', b"too far back"))),
        ({"Content-Type": "multipart/form-data"}, b"--a b\r\n"),
        ({"Content-Type": "multipart/form-data; boundary="}, b"--a b\r\n"),
        ({"Content-Type": "multipart/form-data; boundary=" + "x" * 300}, b"--a b\r\n"),
    ],
)
async def test_where_there_is_no_file(headers: dict[str, str], body: bytes) -> None:
    refused = await call(taking(), "POST", "/take", headers=headers, body=[body])
    assert refused.status == 400, refused.body
    assert refused.json["code"] == "NO_FILE"


@pytest.mark.parametrize("headers", [{"Transfer-Encoding": "chunked"}, {"Content-Length": "24000"}])
async def test_too_much_is_refused_while_it_comes(headers: dict[str, str]) -> None:
    refused = await call(taking(), "POST", "/take", headers=headers, body=[b"x" * 4000] * 6)
    assert (refused.status, refused.json["code"]) == (413, "TOO_LARGE")


async def test_a_client_that_leaves_is_no_error(caplog: pytest.LogCaptureFixture) -> None:
    client = Client()
    client.incoming.put_nowait({"type": "http.request", "body": b"half", "more_body": True})
    client.leave()
    with caplog.at_level(logging.WARNING):
        await taking()(scope("POST", "/take"), client.receive, client.send)
    assert client.sent == []
    assert caplog.records == []
