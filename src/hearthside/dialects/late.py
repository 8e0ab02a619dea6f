"""Doors that open when somebody knocks.

Importing a dialect and building its schemas takes about a tenth of a second and some megabytes; a household that uses
one of them should not wait for, and hold, all. So a dialect comes in with the first request under one of its prefixes.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from fastapi import FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send

Installer = Callable[[FastAPI], None]

# What describes the whole house needs every door.
_FOR_ALL = "/openapi.json"


@dataclass(frozen=True, slots=True)
class Door:
    """`prefixes` (whole segments) belong to the dialect; `load` imports it, in a thread, and returns its installer."""

    prefixes: tuple[str, ...]
    load: Callable[[], Installer]

    def is_meant(self, path: str) -> bool:
        return path == _FOR_ALL or any(path == prefix or path.startswith(prefix + "/") for prefix in self.prefixes)


class LateDoors:
    """The outermost middleware, so that even what the edge refuses is refused in the dialect's own words."""

    def __init__(self, app: ASGIApp, *, doors: Sequence[Door]) -> None:
        self._app = app
        self._closed = list(doors)
        self._opening = asyncio.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._closed and scope["type"] in ("http", "websocket"):
            await self._open(scope["app"], scope["path"])
        await self._app(scope, receive, send)

    async def _open(self, app: FastAPI, path: str) -> None:
        for door in [door for door in self._closed if door.is_meant(path)]:
            async with self._opening:
                if door in self._closed:  # another request may have been here while this one waited
                    install = await asyncio.to_thread(door.load)
                    install(app)
                    app.openapi_schema = None
                    self._closed.remove(door)
