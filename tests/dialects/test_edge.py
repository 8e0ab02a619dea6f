import asyncio
import json
import logging

import pytest
from fastapi import FastAPI, Request
from starlette.types import ASGIApp

from hearthside.dialects.conversations.errors import to_response
from hearthside.dialects.edge import Edge, EdgePolicy
from hearthside.dialects.errors import error_table
from hearthside.kit.clock import ManualClock
from hearthside.kit.errors import Unavailable
from hearthside.settings import Settings
from tests.dialects.asgi import Client, call, scope

clock = ManualClock()


def edged(**settings: object) -> ASGIApp:
    """An application with a few routes that do what the edge has to live with."""
    app = FastAPI()
    error_table(app).add("", to_response)

    @app.post("/echo")
    async def echo(request: Request) -> dict[str, object]:
        return {"bytes": len(await request.body())}

    @app.get("/slow")
    async def slow() -> dict[str, str]:
        clock.advance(1.5)
        return {}

    @app.get("/broken")
    async def broken() -> None:
        raise RuntimeError("the secret is in /srv/secret")

    @app.get("/down")
    async def down() -> None:
        raise Unavailable("The database cannot be reached.", code="database_unavailable", retry_after_seconds=2)

    @app.get("/address")
    async def address(request: Request) -> str:
        return request.state.address

    policy = EdgePolicy.from_settings(Settings(**settings))
    app.add_middleware(Edge, policy=policy, errors=error_table(app), clock=clock)
    return app


async def test_a_request_id_is_made_or_taken_over() -> None:
    app = edged()
    made = (await call(app, path="/slow")).headers["x-request-id"]
    assert len(made) == 36
    assert (await call(app, path="/slow", headers={"X-Request-ID": "abc-1.2_3"})).headers["x-request-id"] == "abc-1.2_3"
    forged = await call(app, path="/slow", headers={"X-Request-ID": "abc\tdef"})
    assert forged.headers["x-request-id"] != "abc\tdef"


async def test_answers_say_how_long_they_took() -> None:
    assert (await call(edged(), path="/slow")).headers["x-process-time"] == "1.5000"


async def test_security_headers() -> None:
    plain = (await call(edged(), path="/slow")).headers
    assert plain["x-content-type-options"] == "nosniff"
    assert "frame-ancestors 'none'" in plain["content-security-policy"]
    assert plain["cache-control"] == "no-store"
    assert "strict-transport-security" not in plain
    secure = (await call(edged(https=True), path="/slow")).headers
    assert secure["strict-transport-security"].startswith("max-age=")
    assert secure["cross-origin-opener-policy"] == "same-origin"


async def test_a_strange_host_is_refused() -> None:
    refused = await call(edged(), path="/slow", headers={"Host": "evil.example"})
    assert refused.status == 400
    assert refused.json["code"] == "HOST_NOT_ALLOWED"
    assert refused.json["request_id"] == refused.headers["x-request-id"]


async def test_a_change_of_state_from_another_site_is_refused() -> None:
    refused = await call(edged(), "POST", "/echo", headers={"Origin": "https://evil.example"}, body=[b"{}"])
    assert (refused.status, refused.json["code"]) == (403, "CSRF_INVALID")


@pytest.mark.parametrize("headers", [{"Content-Length": "1500"}, {"Transfer-Encoding": "chunked"}])
async def test_a_large_body_is_refused(headers: dict[str, str]) -> None:
    refused = await call(edged(max_body_bytes=1024), "POST", "/echo", headers=headers, body=[b"x" * 500] * 3)
    assert (refused.status, refused.json["code"]) == (413, "TOO_LARGE")
    assert refused.headers["connection"] == "close"


async def test_a_body_within_the_limit_arrives_whole() -> None:
    headers = {"Transfer-Encoding": "chunked"}
    answer = await call(edged(max_body_bytes=1024), "POST", "/echo", headers=headers, body=[b"x" * 512] * 2)
    assert answer.json == {"bytes": 1024}


async def test_deep_json_is_refused() -> None:
    body = b"[" * 65 + b"]" * 65
    headers = {"Content-Type": "application/json", "Content-Length": str(len(body))}
    refused = await call(edged(), "POST", "/echo", headers=headers, body=[body])
    assert (refused.status, refused.json["code"]) == (400, "VALIDATION_ERROR")


async def test_an_unexpected_error_is_logged_and_not_told(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        answer = await call(edged(), path="/broken", headers={"X-Request-ID": "find-me"})
    assert answer.status == 500
    assert answer.json["code"] == "INTERNAL_ERROR"
    assert answer.json["request_id"] == "find-me"
    assert b"secret" not in answer.body
    record = next(record for record in caplog.records if record.exc_info)
    assert record.request_id == "find-me"
    assert "/srv/secret" in caplog.text


async def test_a_dependency_that_is_down_says_when_to_come_back() -> None:
    answer = await call(edged(), path="/down")
    assert (answer.status, answer.json["code"]) == (503, "DATABASE_UNAVAILABLE")
    assert answer.headers["retry-after"] == "2"


async def test_the_address_is_the_clients() -> None:
    forwarded = {"X-Forwarded-For": "198.51.100.7"}
    assert (await call(edged(), path="/address", headers=forwarded, peer="10.0.0.1")).json == "10.0.0.1"
    behind = edged(trusted_proxies="10.0.0.0/8")
    assert (await call(behind, path="/address", headers=forwarded, peer="10.0.0.1")).json == "198.51.100.7"


async def test_one_log_line_a_request(caplog: pytest.LogCaptureFixture) -> None:
    app = edged()
    request = scope(path="/nothing\n") | {"raw_path": b"/nothing%0A", "query_string": b"token=secret"}
    client = Client()
    with caplog.at_level(logging.INFO, "hearthside.dialects.edge"):
        await app(request, client.receive, client.send)
    (record,) = [record for record in caplog.records if record.message == "request"]
    assert (record.method, record.path, record.status) == ("GET", "/nothing%0A", 404)
    assert "secret" not in json.dumps(vars(record), default=str)


async def test_a_client_that_leaves_midway_gets_no_answer() -> None:
    client = Client()
    client.incoming.put_nowait({"type": "http.request", "body": b"x", "more_body": True})
    client.leave()
    await edged()(scope("POST", "/echo", {"Transfer-Encoding": "chunked"}), client.receive, client.send)
    assert client.sent == []


async def test_an_error_after_the_answer_began_leaves_it_incomplete() -> None:
    async def half(scope: object, receive: object, send: object) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"half", "more_body": True})
        raise RuntimeError("broken in the middle")

    errors = error_table(FastAPI())
    client = Client()
    edge = Edge(half, policy=EdgePolicy.from_settings(Settings()), errors=errors, clock=clock)
    await edge(scope(), client.receive, client.send)
    assert client.body == b"half"
    assert not client.is_complete


async def test_cancellation_passes_through() -> None:
    async def endless(scope: object, receive: object, send: object) -> None:
        await asyncio.Event().wait()

    edge = Edge(endless, policy=EdgePolicy.from_settings(Settings()), errors=error_table(FastAPI()), clock=clock)
    client = Client()
    task = asyncio.create_task(edge(scope(), client.receive, client.send))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
