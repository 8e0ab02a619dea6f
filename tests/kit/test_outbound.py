"""The outgoing client against a server on loopback that observes what it does."""

import asyncio
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from hearthside.kit.addresses import AddressRefused
from hearthside.kit.outbound import Cut, Outbound, TimedOut, Timeouts, Unreachable, Unreadable
from tests.scripted_http import HANG, RESET, answer, begun, chunk, scripted_http

SHORT = Timeouts(connect=0.5, first_byte=0.05, idle=0.05)


@pytest.fixture
async def outbound() -> AsyncIterator[Outbound]:
    outbound = Outbound()
    yield outbound
    await outbound.close()


async def test_a_request_and_its_answer(outbound: Outbound) -> None:
    async with scripted_http(answer(201, b'{"a": 1}', x_kind="b")) as server:
        headers = {"Authorization": "Bearer k", "Content-Type": "application/json"}
        url = f"{server.url}/v1/x%20y?q=1%2B1"
        async with outbound.request("POST", url, headers=headers, body=b"{}", trusted=True) as reply:
            assert reply.status == 201
            assert reply.headers["X-Kind"] == "b"
            assert await reply.read() == b'{"a": 1}'
        (seen,) = server.requests
    assert (seen.method, seen.target, seen.body) == ("POST", "/v1/x%20y?q=1%2B1", b"{}")
    assert seen.headers["authorization"] == "Bearer k"
    assert seen.headers["host"] == f"127.0.0.1:{server.port}"
    assert seen.headers["accept-encoding"] == "identity"
    assert seen.headers["user-agent"].startswith("Hearthside/")
    assert "cookie" not in seen.headers


async def test_chunks_come_as_they_are_sent(outbound: Outbound) -> None:
    async with (
        scripted_http([*begun(), chunk(b"one"), HANG]) as server,
        outbound.request("GET", server.url, trusted=True) as reply,
    ):
        async for piece in reply.chunks():
            assert piece == b"one"
            break


async def test_leaving_the_context_closes_the_connection(outbound: Outbound) -> None:
    async with scripted_http([*begun(), chunk(b"one"), HANG]) as server:
        async with outbound.request("GET", server.url, trusted=True) as reply:
            await anext(aiter(reply.chunks()))
            assert not server.left.is_set()
        async with asyncio.timeout(0.5):
            await server.left.wait()


@pytest.mark.parametrize("script", [[HANG], [*begun(), HANG], [*begun(), chunk(b"one"), HANG]])
async def test_cancelling_closes_the_connection(outbound: Outbound, script: list[bytes | str]) -> None:
    async def read(url: str) -> None:
        async with outbound.request("GET", url, trusted=True) as reply:
            await reply.read()

    async with scripted_http(script) as server:
        task = asyncio.create_task(read(server.url))
        while not server.requests:
            await asyncio.sleep(0)
        task.cancel()
        async with asyncio.timeout(0.5):
            await server.left.wait()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_a_connection_read_to_its_end_is_used_again(outbound: Outbound) -> None:
    async with scripted_http(answer(200, b"x")) as server:
        for _ in range(3):
            async with outbound.request("GET", server.url, trusted=True) as reply:
                await reply.read()
        assert len(server.requests) == 3
        assert server.connections == 1


async def test_a_trusted_connection_is_not_lent_to_a_user(outbound: Outbound) -> None:
    """The pooled connection to a private address would spare a user's request the check."""
    async with scripted_http(answer(200, b"x")) as server:
        url = server.url.replace("127.0.0.1", "localhost")
        async with outbound.request("GET", url, trusted=True) as reply:
            await reply.read()
        with pytest.raises(AddressRefused):
            async with outbound.request("GET", url):
                pass
        assert len(server.requests) == 1


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "[64:ff9b::7f00:1]"])
async def test_users_do_not_reach_this_machine(outbound: Outbound, host: str) -> None:
    async with scripted_http(answer(200, b"secret")) as server:
        with pytest.raises(AddressRefused):
            async with outbound.request("GET", f"http://{host}:{server.port}/"):
                pass
        assert server.connections == 0


@pytest.mark.parametrize("host", ["169.254.169.254", "[fd00:ec2::254]", "[fe80::1]", "0.0.0.0"])
async def test_nobody_reaches_metadata(outbound: Outbound, host: str) -> None:
    with pytest.raises(AddressRefused):
        async with outbound.request("GET", f"http://{host}/latest/meta-data/", trusted=True):
            pass


async def test_redirects_are_answers(outbound: Outbound) -> None:
    async with (
        scripted_http(answer(302, b"", location="http://169.254.169.254/")) as server,
        outbound.request("GET", server.url, trusted=True) as reply,
    ):
        assert reply.status == 302


async def test_proxies_of_the_environment_are_not_used(outbound: Outbound, monkeypatch: pytest.MonkeyPatch) -> None:
    async with scripted_http(answer(200, b"direct")) as server, scripted_http(answer(200, b"proxied")) as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        async with outbound.request("GET", server.url, trusted=True) as reply:
            assert await reply.read() == b"direct"
        assert not proxy.requests


async def test_cookies_are_not_kept(outbound: Outbound) -> None:
    async with scripted_http(answer(200, b"", set_cookie="a=b; Path=/")) as server:
        for _ in range(2):
            async with outbound.request("GET", server.url, trusted=True) as reply:
                await reply.read()
        assert "cookie" not in server.requests[1].headers


async def test_nothing_listens(outbound: Outbound) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        with pytest.raises(Unreachable):
            async with outbound.request("GET", f"http://127.0.0.1:{port}/", trusted=True):
                pass


async def test_a_name_that_does_not_resolve(outbound: Outbound) -> None:
    with pytest.raises(Unreachable):
        async with outbound.request("GET", "http://nothing.invalid/"):
            pass


async def test_no_answer_begins(outbound: Outbound) -> None:
    async with scripted_http([RESET]) as server:
        with pytest.raises(Unreachable):
            async with outbound.request("POST", server.url, body=b"{}", trusted=True):
                pass


async def test_an_answer_breaks_off(outbound: Outbound) -> None:
    async with scripted_http([*begun(), chunk(b"one")]) as server:
        with pytest.raises(Cut):
            async with outbound.request("GET", server.url, trusted=True) as reply:
                await reply.read()


async def test_what_is_not_http(outbound: Outbound) -> None:
    async with scripted_http([b"SSH-2.0-OpenSSH\r\n\r\n"]) as server:
        with pytest.raises(Unreadable):
            async with outbound.request("GET", server.url, trusted=True):
                pass


async def test_compressed_answers_are_refused(outbound: Outbound) -> None:
    async with scripted_http(answer(200, b"\x1f\x8b", content_encoding="gzip")) as server:
        with pytest.raises(Unreadable):
            async with outbound.request("GET", server.url, trusted=True):
                pass


async def test_a_body_past_the_limit(outbound: Outbound) -> None:
    async with scripted_http([*begun(), *[chunk(b"x" * 1000)] * 20, HANG]) as server:
        with pytest.raises(Unreadable):
            async with outbound.request("GET", server.url, trusted=True) as reply:
                await reply.read(limit=10_000)


@pytest.mark.parametrize("script", [[HANG], [*begun(), HANG], [*begun(), chunk(b"one"), HANG]])
async def test_silence_ends_in_a_time_out(outbound: Outbound, script: list[bytes | str]) -> None:
    async with scripted_http(script) as server:
        with pytest.raises(TimedOut):
            async with outbound.request("GET", server.url, trusted=True, timeouts=SHORT) as reply:
                await reply.read()
        async with asyncio.timeout(0.5):
            await server.left.wait()


async def test_the_total_ends_what_never_falls_silent(outbound: Outbound) -> None:
    """The deadline has passed when the second chunk is asked for, however soon it comes."""
    timeouts = Timeouts(total=0.05)
    async with scripted_http([*begun(), chunk(b"one"), HANG]) as server:
        with pytest.raises(TimedOut):
            async with outbound.request("GET", server.url, trusted=True, timeouts=timeouts) as reply:
                await reply.read()


async def test_a_unix_socket(outbound: Outbound, tmp_path: Path) -> None:
    path = str(tmp_path / "model.sock")
    async with scripted_http(answer(200, b"local"), unix_socket=path) as server:
        async with outbound.request("GET", "http://localhost/v1", trusted=True, unix_socket=path) as reply:
            assert await reply.read() == b"local"
        assert server.requests[0].headers["host"] == "localhost"


async def test_an_unused_client_closes(outbound: Outbound) -> None:
    await outbound.close()
