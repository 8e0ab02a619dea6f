"""Local model servers come and go."""

import asyncio
import socket
import subprocess
import sys

from hearthside.providers.discovery import Discovery
from hearthside.providers.model import Endpoint, WireProtocol


def candidate(port: int) -> Endpoint:
    return Endpoint("ollama", "Ollama", WireProtocol.OLLAMA, f"http://127.0.0.1:{port}", None, trusted=True)


async def listening(port: int = 0) -> asyncio.Server:
    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    return await asyncio.start_server(hang_up, "127.0.0.1", port)


async def test_a_server_appears_while_it_runs() -> None:
    server = await listening()
    port = server.sockets[0].getsockname()[1]
    discovery = Discovery([candidate(port)])
    assert discovery.running() == ()
    await discovery.look()
    assert discovery.running() == (candidate(port),)
    assert discovery.candidates() == (candidate(port),)
    server.close()
    await server.wait_closed()
    await discovery.look()
    assert discovery.running() == ()


async def test_its_task_looks_again_and_ends_with_it() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    discovery = Discovery([candidate(port)], interval_seconds=0.01)
    before = asyncio.all_tasks()
    await discovery.start()
    server = await listening(port)
    async with asyncio.timeout(5):
        while not discovery.running():
            await asyncio.sleep(0.01)
    await discovery.close()
    assert asyncio.all_tasks() == before
    server.close()


async def test_nothing_to_look_for_needs_no_task() -> None:
    discovery = Discovery([])
    before = asyncio.all_tasks()
    await discovery.start()
    assert asyncio.all_tasks() == before
    await discovery.close()


def test_no_http_client_is_loaded_while_nothing_is_asked() -> None:
    """In a process of its own: what this one has loaded says nothing."""
    program = """
import sys, hearthside.gateway.service, hearthside.providers.service, hearthside.providers.discovery
import hearthside.gateway.providers.openai_chat, hearthside.gateway.providers.anthropic
import hearthside.gateway.providers.gemini, hearthside.gateway.providers.ollama
print([name for name in ("aiohttp", "yarl", "cryptography") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
