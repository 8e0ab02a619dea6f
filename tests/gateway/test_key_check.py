"""What people are told of a key that they try, by servers that answer in every way that servers do."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest

from hearthside.gateway.key_check import KeyCheck, KeyReport, Verdict
from hearthside.gateway.providers.openai_chat import OpenAIChatProvider
from hearthside.gateway.providers.openrouter import OpenRouterAccount
from hearthside.gateway.service import Gateway
from hearthside.gateway.upstream import Upstream
from hearthside.kit.clock import ManualClock
from hearthside.kit.db import Database
from hearthside.kit.errors import Invalid
from hearthside.kit.outbound import Outbound
from hearthside.kit.secret import Secret
from hearthside.providers.keys import ProviderKeys
from hearthside.providers.model import Endpoint, WireProtocol
from hearthside.providers.service import ProviderDirectory
from tests.models.house import NoLocalServers
from tests.scripted_http import HANG, RESET, Step, answer, scripted_http

KEY = Secret("sk-right-0123456789")
TWO_MODELS = answer(body=b'{"data": [{"id": "a"}, {"id": "b"}]}')
REFUSED = answer(401, b'{"error": {"message": "Incorrect API key provided: sk-right-0123456789."}}')


@asynccontextmanager
async def checker(database: Database, url: str, *, patience_seconds: float = 10) -> AsyncGenerator[KeyCheck]:
    """An admin has named the server at `url`, so that it may be on the loopback address."""
    lab = Endpoint("lab", "Lab", WireProtocol.OPENAI, url, None, trusted=True)
    clock, outbound = ManualClock(), Outbound()
    directory = ProviderDirectory(
        database, clock, ProviderKeys(bytes(32)), server=[lab], local_servers=NoLocalServers()
    )
    upstream = Upstream(outbound, clock)
    gateway = Gateway({WireProtocol.OPENAI: OpenAIChatProvider(upstream)}, directory, clock)
    yield KeyCheck(gateway, directory, OpenRouterAccount(upstream), patience_seconds=patience_seconds)
    await outbound.close()


async def check(database: Database, provider_id: str, *scripts: list[Step], key: Secret | None = KEY) -> KeyReport:
    async with scripted_http(*scripts) as server, checker(database, server.url) as keys:
        return await keys.check(1, provider_id, api_key=key, base_url=server.url)


async def test_a_key_that_is_right(database: Database) -> None:
    async with scripted_http(TWO_MODELS, REFUSED) as server, checker(database, server.url) as keys:
        report = await keys.check(1, "openai", api_key=KEY, base_url=f"{server.url}/v1")
    assert report == KeyReport(Verdict.FINE, "OpenAI answers and lists 2 models.", 2, is_key_proven=True)
    assert [seen.target for seen in server.requests] == ["/v1/models"] * 2
    assert [seen.headers.get("authorization") for seen in server.requests] == ["Bearer sk-right-0123456789", None]


async def test_a_server_that_answers_anybody_proves_nothing(database: Database) -> None:
    report = await check(database, "vllm", TWO_MODELS)
    assert (report.verdict, report.models, report.is_key_proven) == (Verdict.FINE, 2, False)
    assert "without a key too" in report.message


async def test_a_server_that_wants_no_key(database: Database) -> None:
    report = await check(database, "vllm", answer(body=b'{"data": [{"id": "a"}]}'), key=None)
    assert (report.verdict, report.models) == (Verdict.FINE, 1)
    assert report.message == "vLLM answers and lists 1 model. It wants no key."


@pytest.mark.parametrize(
    ("script", "verdict", "words"),
    [
        (REFUSED, Verdict.KEY_REFUSED, "OpenAI refused the API key."),
        (answer(403, b'{"error": "no"}'), Verdict.KEY_REFUSED, "refused"),
        (answer(402, b"{}"), Verdict.NO_CREDIT, "no credit left"),
        (answer(429, b'{"error": {"code": "insufficient_quota"}}'), Verdict.NO_CREDIT, "no credit left"),
        (answer(404, b"<html>nothing here</html>"), Verdict.WRONG_ADDRESS, "Check the address"),
        (answer(404, b'{"error": "model /models not found"}'), Verdict.WRONG_ADDRESS, "Check the address"),
        (answer(200, b"<html>hello</html>", type_="text/html"), Verdict.WRONG_ADDRESS, "Check the address"),
        (answer(301, b"", Location="https://x.example"), Verdict.WRONG_ADDRESS, "use the final address"),
        (answer(500, b"{}"), Verdict.PROVIDER_FAILED, "an error of its own"),
        (answer(503, b"{}"), Verdict.PROVIDER_FAILED, "overloaded"),
        (answer(429, b"{}"), Verdict.PROVIDER_FAILED, "slow down"),
        ([RESET], Verdict.UNREACHABLE, "cannot be reached"),
    ],
)
async def test_what_is_wrong(database: Database, script: list[Step], verdict: Verdict, words: str) -> None:
    report = await check(database, "openai", script)
    assert (report.verdict, report.models) == (verdict, None)
    assert words in report.message
    assert KEY.reveal() not in report.message


async def test_a_server_that_is_not_there(database: Database) -> None:
    async with scripted_http(TWO_MODELS) as server:
        pass
    async with checker(database, server.url) as keys:
        report = await keys.check(1, "openai", api_key=KEY, base_url=server.url)
    assert report.verdict is Verdict.UNREACHABLE


async def test_a_server_that_says_nothing_is_not_waited_for_long(database: Database) -> None:
    async with scripted_http([HANG]) as server, checker(database, server.url, patience_seconds=0.2) as keys:
        report = await keys.check(1, "openai", api_key=KEY, base_url=server.url)
        await server.left.wait()
    assert report == KeyReport(Verdict.UNREACHABLE, "OpenAI did not answer within 0.2 seconds.")


async def test_an_address_that_is_not_for_users(database: Database) -> None:
    async with checker(database, "http://127.0.0.1:1") as keys:
        for base_url in ("http://127.0.0.1:2", "http://localhost:2"):
            report = await keys.check(1, "openai", api_key=KEY, base_url=base_url)
            assert report.verdict is Verdict.WRONG_ADDRESS, base_url


async def test_a_provider_without_a_list_is_worth_a_second_look(database: Database) -> None:
    report = await check(database, "openai", answer(body=b'{"hello": "world"}'), REFUSED)
    assert (report.verdict, report.models) == (Verdict.FINE, 0)
    assert "Check the address" in report.message


async def test_a_provider_that_needs_a_key_and_has_none(database: Database) -> None:
    report = await check(database, "openai", TWO_MODELS, key=None)
    assert report == KeyReport(Verdict.KEY_MISSING, "OpenAI needs an API key.")


async def test_what_cannot_even_be_tried(database: Database) -> None:
    async with checker(database, "http://127.0.0.1:1") as keys:
        with pytest.raises(Invalid) as raised:
            await keys.check(1, "nobody")
        assert raised.value.code == "provider_not_found"
        with pytest.raises(Invalid, match="http"):
            await keys.check(1, "openai", api_key=KEY, base_url="ftp://x.example")


async def test_openrouter_lists_for_everybody_and_is_asked_about_the_key(database: Database) -> None:
    good = answer(body=b'{"data": {"label": "mine", "limit": 10, "limit_remaining": 2.5}}')
    report = await check(database, "openrouter", TWO_MODELS, good)
    assert (report.verdict, report.models, report.is_key_proven) == (Verdict.FINE, 2, True)
    report = await check(database, "openrouter", TWO_MODELS, REFUSED)
    assert report.verdict is Verdict.KEY_REFUSED


@pytest.mark.parametrize(
    ("remaining", "verdict"), [(b"0", Verdict.NO_CREDIT), (b"-1.5", Verdict.NO_CREDIT), (b"null", Verdict.FINE)]
)
async def test_openrouter_says_what_is_left(database: Database, remaining: bytes, verdict: Verdict) -> None:
    report = await check(
        database, "openrouter", TWO_MODELS, answer(body=b'{"data": {"limit_remaining": %s}}' % remaining)
    )
    assert report.verdict is verdict


async def test_something_in_openrouters_place(database: Database) -> None:
    report = await check(database, "openrouter", TWO_MODELS, answer(404, b"{}"), TWO_MODELS)
    assert (report.verdict, report.is_key_proven) == (Verdict.FINE, False)
