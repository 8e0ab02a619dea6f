"""One house, many doors: what another dialect made is listed, read and gone on with here."""

from tests.contracts.client import Client
from tests.contracts.envelope.phone import Phone
from tests.contracts.house import House

FLAT = "/flat/v1"


def same_person(server: House, phone: Phone) -> Client:
    """For the requests of other dialects."""
    client = Client(server.url, dict(phone.client.session.headers))
    server.clients.append(client)
    return client


def told(messages: list[dict[str, str]]) -> list[tuple[str, str]]:
    return [(message["role"], message["content"]) for message in messages]


async def test_begun_by_document_2_continued_by_0_read_and_answered_here(server: House, phone: Phone) -> None:
    client = same_person(server, phone)
    begun = await client.done("POST", "/conversations", {"title": "Begun elsewhere"})
    path = f"/conversations/{begun['id']}"
    await client.done("POST", f"{path}/messages", {"content": "One?"})
    async with client.stream("POST", f"{path}/stream", {}) as reader:
        await reader.rest()
    (chat,) = await phone.done("GET", "/chats")
    assert (chat["title"], chat["model_config"]) == ("Begun elsewhere", None)
    async with client.stream(
        "POST", f"{FLAT}/chats/{chat['id']}/messages", {"content": "Two?", "stream": True}
    ) as reader:
        await reader.rest()
    await phone.done("POST", f"/chats/{chat['id']}/messages", {"content": "Three?"}, status=201)
    answer = ("assistant", "Good morning")
    here = told(await phone.done("GET", f"/chats/{chat['id']}/messages"))
    assert here == [("user", "One?"), answer, ("user", "Two?"), answer, ("user", "Three?"), answer]
    assert told(await client.done("GET", f"{path}/messages")) == here
    assert told(await client.done("GET", f"{FLAT}/chats/{chat['id']}/messages")) == here


async def test_the_branch_that_is_shown_is_the_chat(server: House, phone: Phone) -> None:
    client = same_person(server, phone)
    chat = await phone.chat()
    asked = await phone.done("POST", f"/chats/{chat}/messages", {"content": "First try"}, status=201)
    (conversation,) = await client.done("GET", "/conversations")
    await client.done("POST", "/chat/retry", {"conversation_id": conversation["id"]})
    async with client.stream("POST", f"/conversations/{conversation['id']}/stream", {}) as reader:
        await reader.rest()
    shown = await phone.done("GET", f"/chats/{chat}/messages")
    assert told(shown) == [("user", "First try"), ("assistant", "Good morning")]
    assert shown[0]["id"] != asked["userMessage"]["id"], "the copy that was asked again"


async def test_a_saved_model_that_document_0_chose_answers_and_is_shown(server: House, phone: Phone) -> None:
    client = same_person(server, phone)
    shared = {"temperature": 0.3, "systemPrompt": "Be brief"}
    body = {"provider": "lmstudio", "selections": [{"id": "saved-model"}], "sharedSettings": shared}
    (row,) = await phone.done("POST", "/models/import", body, status=201)
    made = await client.done("POST", f"{FLAT}/chats", {"title": "Elsewhere", "model_config_id": row["id"]})
    chat = await phone.done("GET", f"/chats/{made['id']}")
    assert chat["model_config"] == {
        "provider": "lmstudio",
        "model": "saved-model",
        "systemPrompt": "Be brief",
        "temperature": 0.3,
        "maxTokens": 2048,
    }
    assert await phone.done("GET", "/chats") == [chat]
    await phone.done("POST", f"/chats/{made['id']}/messages", {"content": "Hello?"}, status=201)
    assert server.provider.requests[-1].model == "saved-model"
    await phone.done("DELETE", f"/models/{row['id']}")
    assert (await phone.done("GET", f"/chats/{made['id']}"))["model_config"] is None


async def test_one_account(server: House, phone: Phone) -> None:
    client = same_person(server, phone)
    await phone.done("PUT", "/users/profile", {"username": "johndoe", "bio": "Told here"})
    assert (await client.done("GET", "/auth/me"))["user"]["username"] == "johndoe"
    assert (await client.done("GET", f"{FLAT}/users/profile"))["bio"] == "Told here"
