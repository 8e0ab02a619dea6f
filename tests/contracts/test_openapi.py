"""/openapi.json tells the truth: what answers, with what; checked against answers that were really given."""

from typing import Any

from tests.contracts.client import Client
from tests.contracts.house import House


def resolve(schema: dict[str, Any], document: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return schema


async def test_every_documented_path_is_there(server: House, anna: Client) -> None:
    document = await anna.done("GET", "/openapi.json")
    operations = {f"{method.upper()} {path}" for path, item in document["paths"].items() for method in item}
    for operation in (
        "POST /conversations",
        "GET /conversations",
        "GET /conversations/{conversation_id}",
        "PATCH /conversations/{conversation_id}",
        "DELETE /conversations/{conversation_id}",
        "GET /conversations/{conversation_id}/messages",
        "POST /conversations/{conversation_id}/messages",
        "POST /conversations/{conversation_id}/stream",
        "GET /conversations/{conversation_id}/stream/{generation_id}",
        "POST /chat/cancel/{generation_id}",
        "POST /chat/retry",
        "POST /auth/login",
        "POST /auth/logout",
        "GET /auth/me",
        "POST /auth/register",
        "POST /admin/bootstrap",
        "GET /admin/users",
        "PATCH /admin/users/{user_id}",
        "POST /admin/invites",
        "GET /admin/invites",
        "DELETE /admin/invites/{invite_id}",
        "GET /admin/usage",
        "GET /admin/audit",
        "GET /providers",
        "GET /health",
        "GET /version",
    ):
        assert operation in operations


async def test_answers_have_the_fields_that_are_promised(server: House, anna: Client) -> None:
    document = await anna.done("GET", "/openapi.json")
    conversation = await server.asked(anna)
    async with anna.stream("POST", f"/conversations/{conversation}/stream", {}) as reader:
        await reader.rest()
    for path, real in [
        ("/conversations", "/conversations"),
        ("/conversations/{conversation_id}", f"/conversations/{conversation}"),
        ("/conversations/{conversation_id}/messages", f"/conversations/{conversation}/messages"),
        ("/auth/me", "/auth/me"),
        ("/auth/sessions", "/auth/sessions"),
        ("/providers", "/providers"),
        ("/health", "/health"),
    ]:
        answer = await anna.done("GET", real)
        schema = document["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
        schema = resolve(schema, document)
        if schema.get("type") == "array":
            schema, answer = resolve(schema["items"], document), answer[0]
        assert set(schema["properties"]) == set(answer), path


async def test_pages_are_described(anna: Client) -> None:
    document = await anna.done("GET", "/openapi.json")
    for path in ("/conversations", "/conversations/{conversation_id}/messages", "/admin/audit"):
        answer = document["paths"][path]["get"]["responses"]["200"]
        assert set(answer["headers"]) == {"X-Next-Cursor"}
        assert answer["content"]["application/json"]["schema"]


ERROR_FIELDS = {
    "/envelope/v1": {"success", "data", "error", "metadata"},
    "/auth/v1": {"code", "error_code", "msg"},
    "/v1": {"detail"},
    "": {"code", "message", "request_id", "detail"},
}


async def test_errors_are_described_as_they_are(anna: Client) -> None:
    document = await anna.done("GET", "/openapi.json")
    for path, item in document["paths"].items():
        for method, operation in item.items():
            assert "422" not in operation["responses"], (method, path)
            error = operation["responses"]["4XX"]["content"]["application/json"]["schema"]
            fields = next(fields for prefix, fields in ERROR_FIELDS.items() if path.startswith(prefix))
            assert set(resolve(error, document)["properties"]) == fields, (method, path)
