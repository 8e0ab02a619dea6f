"""The product as people run it: `hearthside serve` in a process of its own, and a client that speaks document 2."""

import asyncio
import ctypes
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import aiohttp

BOOTSTRAP_TOKEN = "bootstrap-token-of-the-tests"
PASSWORD = "correct horse battery"
PR_SET_PDEATHSIG = 1  # from linux/prctl.h


@dataclass(frozen=True)
class SseEvent:
    id: int
    type: str
    data: dict[str, Any]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _die_with_parent() -> None:
    """Runs in the child: on Linux the kernel kills it when the test run ends, however that ends."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class LiveServer:
    """Starts, kills and starts again one server over one data folder."""

    def __init__(self, data_dir: Path, *, upstream_url: str | None = None, **settings: str) -> None:
        self.data_dir = data_dir
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.process: asyncio.subprocess.Process | None = None
        providers = [{"id": "counter", "kind": "openai", "base_url": upstream_url}] if upstream_url else []
        self._environment = {
            "PATH": os.environ["PATH"],
            "HEARTHSIDE_DATA_DIR": str(data_dir),
            "HEARTHSIDE_PORT": str(self.port),
            "HEARTHSIDE_BOOTSTRAP_TOKEN": BOOTSTRAP_TOKEN,
            "HEARTHSIDE_PROVIDERS": json.dumps(providers),
            "HEARTHSIDE_OLLAMA_URL": "",
            "HEARTHSIDE_LMSTUDIO_URL": "",
            "HEARTHSIDE_REQUESTS_PER_MINUTE_PER_ADDRESS": "100000",
            "HEARTHSIDE_REQUESTS_PER_MINUTE_PER_USER": "100000",
            "HEARTHSIDE_SIGN_IN_ATTEMPTS_PER_MINUTE": "100000",
            "HEARTHSIDE_DAILY_MESSAGES_PER_USER": "0",
            "HEARTHSIDE_MAX_STREAMS_PER_USER": "500",
            **settings,
        }

    async def start(self) -> Self:
        log = (self.data_dir.parent / f"{self.data_dir.name}.log").open("ab")
        self.process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "hearthside", "serve", env=self._environment, stdout=log, stderr=log,
            cwd=self.data_dir.parent, preexec_fn=_die_with_parent,
        )  # fmt: skip
        log.close()
        await self._until_ready()
        return self

    async def _until_ready(self) -> None:
        async with aiohttp.ClientSession() as session, asyncio.timeout(30):
            while True:
                assert self.process is not None
                if self.process.returncode is not None:
                    raise AssertionError(f"the server ended with {self.process.returncode}:\n{self.log()}")
                try:
                    async with session.get(self.url + "/ready") as answer:
                        if answer.status == 200:
                            return
                except aiohttp.ClientError:
                    pass
                await asyncio.sleep(0.02)

    def log(self) -> str:
        return (self.data_dir.parent / f"{self.data_dir.name}.log").read_text("utf-8", "replace")

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    async def kill(self) -> None:
        """kill -9."""
        assert self.process is not None
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGKILL)
        await self.process.wait()

    async def terminate(self) -> int:
        """SIGTERM; the exit status."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(60):
            return await self.process.wait()

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.kill()


@dataclass
class Client:
    """A browser's worth of state: a cookie jar and a CSRF token."""

    base: str
    session: aiohttp.ClientSession = field(init=False)
    csrf: str = ""

    async def __aenter__(self) -> Self:
        self.session = aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True), read_bufsize=2**20)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.session.close()

    async def call(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        """Status and JSON of the answer."""
        headers = {"X-CSRF-Token": self.csrf, **headers} if self.csrf else headers
        async with self.session.request(method, self.base + path, json=body, headers=headers) as answer:
            return answer.status, await answer.json()

    async def ok(self, method: str, path: str, body: Any = None) -> Any:
        status, answer = await self.call(method, path, body)
        assert status == 200, (status, answer)
        return answer

    async def bootstrap(self, username: str = "admin") -> None:
        body = {"username": username, "password": PASSWORD}
        status, answer = await self.call("POST", "/admin/bootstrap", body, **{"X-Bootstrap-Token": BOOTSTRAP_TOKEN})
        assert status == 200, answer
        self.csrf = answer["csrf_token"]

    async def sign_in(self, username: str = "admin") -> None:
        self.csrf = ""
        answer = await self.ok("POST", "/auth/login", {"username": username, "password": PASSWORD})
        self.csrf = answer["csrf_token"]

    async def conversation(self, content: str | None = None) -> int:
        made = await self.ok("POST", "/conversations", {"title": "A test"})
        if content is not None:
            await self.ok("POST", f"/conversations/{made['id']}/messages", {"content": content})
        return int(made["id"])

    async def stream(self, conversation: int, **body: Any) -> AsyncIterator[SseEvent]:
        """Starts or joins the reply."""
        headers = {"X-CSRF-Token": self.csrf}
        path = f"{self.base}/conversations/{conversation}/stream"
        async with self.session.post(path, json=body, headers=headers, timeout=_NEVER) as answer:
            assert answer.status == 200, await answer.text()
            async for event in _events(answer):
                yield event

    async def resume(self, conversation: int, generation: str, after: int) -> AsyncIterator[SseEvent]:
        """Goes on after event `after`."""
        path = f"{self.base}/conversations/{conversation}/stream/{generation}"
        async with self.session.get(path, headers={"Last-Event-ID": str(after)}, timeout=_NEVER) as answer:
            assert answer.status == 200, await answer.text()
            async for event in _events(answer):
                yield event


_NEVER = aiohttp.ClientTimeout(total=None)


async def _events(answer: aiohttp.ClientResponse) -> AsyncIterator[SseEvent]:
    fields: dict[str, str] = {}
    async for line in answer.content:
        text = line.decode().rstrip("\r\n")
        if text:
            name, _, value = text.partition(":")
            fields[name] = value.removeprefix(" ")
        elif "data" in fields:
            yield SseEvent(int(fields.get("id", 0)), fields.get("event", "message"), json.loads(fields["data"]))
            fields = {}


def text_of(events: list[SseEvent]) -> str:
    return "".join(event.data["delta"] for event in events if event.type == "delta")
