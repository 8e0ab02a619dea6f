"""What is another's does not exist, and what is secret never comes back."""

import io
import zipfile

from hearthside.gateway.providers.scripted import ScriptedProvider, says
from hearthside.kit.errors import UpstreamFailed
from tests.contracts.client import Reply
from tests.contracts.house import LLAMA, House
from tests.contracts.pocketllm.app import NOBODY, App

CANARY = "sk-canary-b0b5c0ffee15900d-end"
OTHER_CANARY = "sk-canary-0dd15ea5e5badc0de-end"


async def test_what_belongs_to_another_is_not_there(server: House, app: App, other: App) -> None:
    model = await app.saved()
    chat = await app.chat(model_config_id=model, initial_message="Private")
    own = await other.chat()
    before = await server.dump()
    for target in (chat, NOBODY, "nonsense", chat.upper()):
        for method, path, body in [
            ("GET", f"/chats/{target}", None),
            ("PUT", f"/chats/{target}", {"title": "stolen"}),
            ("DELETE", f"/chats/{target}", None),
            ("GET", f"/chats/{target}/messages", None),
            ("POST", f"/chats/{target}/messages", {"content": "stolen"}),
            ("POST", f"/chats/{target}/messages", {"content": "stolen", "stream": True}),
        ]:
            assert await other.refused(method, path, body) == (404, "There is no such conversation."), path
    for target in (model, NOBODY, "nonsense"):
        for method, path, body in [
            ("GET", f"/models/{target}", None),
            ("DELETE", f"/models/{target}", None),
            ("POST", f"/models/{target}/default", {"is_default": True}),
            ("PUT", f"/chats/{own}", {"model_config_id": target}),
            ("POST", "/chats", {"model_config_id": target}),
        ]:
            assert await other.refused(method, path, body) == (404, "There is no such saved model."), path
    for method, path, body in [
        ("PATCH", "/providers/openai", {"display_name": "stolen"}),
        ("DELETE", "/providers/openai", None),
    ]:
        assert (await other.refused(method, path, body))[0] == 404, path
    assert await other.done("GET", "/providers/openai/models") == []
    assert await server.dump() == before


def unpacked(reply: Reply) -> bytes:
    if reply.headers.get("Content-Type") != "application/zip":
        return reply.body
    archive = zipfile.ZipFile(io.BytesIO(reply.body))
    return b"".join(archive.read(name) for name in archive.namelist())


async def test_no_key_ever_comes_back(server: House, app: App) -> None:
    """A canary goes in wherever a key can go in; then every route is asked, and every answer and every row searched."""
    replies: list[Reply] = []

    async def ask(method: str, path: str, body: object = None) -> Reply:
        replies.append(await app.send(method, path, body))
        return replies[-1]

    await ask("POST", "/providers/activate", {"provider": "openai", "api_key": CANARY, "metadata": {"a": "b"}})
    await ask("PATCH", "/providers/openai", {"api_key": OTHER_CANARY})
    await ask("PATCH", "/providers/openai", {"api_key": CANARY, "is_active": "wrong"})
    await ask("POST", "/providers/activate", {"provider": "openai", "api_key": CANARY, "base_url": "wrong"})
    await ask("POST", "/providers/activate", {"provider": CANARY.upper() + " ", "api_key": CANARY})
    await ask("POST", "/providers/openai/test", {"api_key": CANARY})
    await ask("POST", "/providers/openai/test")
    model = (await ask("POST", "/models/import", {"provider": "openai", "models": ["gpt-4o"]})).json[0]["id"]
    chat = (await ask("POST", "/chats", {"model_config_id": model, "initial_message": "Hello?"})).json["id"]
    inline = {"provider": "openai", "model": "gpt-4o", "apiKey": CANARY}
    enveloped = App(app.client, "/envelope/v1")
    replies.append(await enveloped.send("POST", "/chats", {"title": "With a key", "model_config": inline}))
    server.script.provider = ScriptedProvider(
        [UpstreamFailed("OpenAI refuses the key.", code="provider_auth")], says("Hi"), models=[LLAMA]
    )
    await ask("POST", f"/chats/{chat}/messages", {"content": "Fails", "stream": True})
    await ask("POST", f"/chats/{chat}/messages", {"content": "Works", "stream": True})
    assert server.provider.endpoints[-1].api_key is not None
    assert server.provider.endpoints[-1].api_key.reveal() == OTHER_CANARY, "keys stay usable"
    for path in (
        "/users/profile",
        "/users/profile/export",
        "/chats",
        f"/chats/{chat}",
        f"/chats/{chat}/messages",
        "/providers",
        "/providers/openai/models",
        "/models",
        "/models/saved",
        f"/models/{model}",
    ):
        assert (await ask("GET", path)).status == 200, path
    await ask("POST", f"/models/{model}/default")
    for method, path in (("DELETE", f"/models/{model}"), ("DELETE", "/providers/openai"), ("DELETE", f"/chats/{chat}")):
        await ask(method, path)
    for reply in replies:
        said = unpacked(reply) + str(reply.headers).encode()
        for canary in (CANARY, OTHER_CANARY):
            assert canary.encode() not in said
            assert canary[3:-4].encode() not in said
            assert canary[3:-4].upper().encode() not in said
    assert CANARY[3:-4] not in str(await server.dump()), "nor does it lie in the database"
