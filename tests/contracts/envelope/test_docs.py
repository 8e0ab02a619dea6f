"""Swagger UI at /api/docs: complete, from this server alone, and of this dialect alone."""

import re

from tests.contracts.envelope.phone import opened
from tests.contracts.house import House

DOCUMENTED = {
    "POST /auth/signup", "POST /auth/signin", "POST /auth/refresh", "POST /auth/signout",
    "GET /users/profile", "PUT /users/profile", "DELETE /users/profile",
    "GET /chats", "POST /chats", "GET /chats/{chat_id}", "PUT /chats/{chat_id}", "DELETE /chats/{chat_id}",
    "POST /chats/{chat_id}/messages", "GET /chats/{chat_id}/messages",
    "GET /models", "POST /models/import", "GET /models/{model_id}", "DELETE /models/{model_id}",
    "POST /models/{model_id}/default",
    "GET /providers", "POST /providers/activate", "PATCH /providers/{provider}", "DELETE /providers/{provider}",
    "GET /providers/{provider}/models",
}  # fmt: skip


async def test_the_page_and_all_that_it_loads(server: House) -> None:
    page = await server.client().get("/api/docs")
    assert page.status == 200
    assert page.headers["Content-Type"].startswith("text/html")
    loaded = re.findall(r'(?:src|href)="([^"]+)"', page.body.decode())
    assert len(loaded) == 4
    for path in (*loaded, "/api/docs/openapi.json"):
        assert path.startswith("/api/docs/"), "nothing from elsewhere"
        reply = await server.client().get(path)
        assert (reply.status, len(reply.body) > 100) == (200, True), path
    start = (await server.client().get("/api/docs/start.js")).body.decode()
    assert '"/api/docs/openapi.json"' in start
    bundle = await server.client().get("/api/docs/swagger-ui-bundle.js")
    assert bundle.headers["Content-Type"].startswith("text/javascript")
    assert b"SwaggerUIBundle" in bundle.body


async def test_the_policy_allows_what_the_page_needs_and_no_more(server: House) -> None:
    policy = (await server.client().get("/api/docs")).headers["Content-Security-Policy"]
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert (rules["default-src"], rules["script-src"], rules["connect-src"]) == ("'none'", "'self'", "'self'")
    assert rules["frame-ancestors"] == "'none'"
    page = (await server.client().get("/api/docs")).body.decode()
    assert re.findall(r"<script(?![^>]* src=)", page) == [], "no script inside the page"


async def test_other_files_of_the_package_are_not_served(server: House) -> None:
    for path in ("/api/docs/__init__.py", "/api/docs/..%2fmain.py", "/api/docs/nothing"):
        reply = await server.client().get(path)
        assert reply.status == 404
        opened(reply)


async def test_it_describes_this_dialect_alone(server: House) -> None:
    document = await server.client().done("GET", "/api/docs/openapi.json")
    operations = {f"{method.upper()} {path}" for path, item in document["paths"].items() for method in item}
    assert operations == {one.replace(" ", " /envelope/v1") for one in DOCUMENTED}
    for path, item in document["paths"].items():
        for method, operation in item.items():
            assert "422" not in operation["responses"], (method, path)
            (success,) = [status for status in operation["responses"] if status.startswith("2")]
            schema = operation["responses"][success]["content"]["application/json"]["schema"]
            name = schema["$ref"].rpartition("/")[2]
            assert set(document["components"]["schemas"][name]["required"]) == {"success", "data", "error", "metadata"}
            failure = operation["responses"]["4XX"]["content"]["application/json"]["schema"]["$ref"]
            assert failure.endswith("/Failure")
