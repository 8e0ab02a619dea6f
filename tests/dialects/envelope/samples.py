"""Sends a response of this dialect without a server."""

import json
from typing import Any

from starlette.responses import Response

from hearthside.dialects.arrival import Arrival
from hearthside.kit.clock import ManualClock
from tests.dialects.asgi import Client, scope

REQUEST_ID = "9f1c2d3e-4b5a-4c6d-8e7f-0a1b2c3d4e5f"


async def body_of(response: Response, *, seconds: float = 0) -> tuple[int, Any]:
    """(status, body) of a response that is sent so long after its request came."""
    clock, client = ManualClock(), Client()
    state = {"request_id": REQUEST_ID, Arrival.KEY: Arrival(clock)}
    clock.advance(seconds)
    await response(scope() | {"state": state}, client.receive, client.send)
    assert client.headers["content-length"] == str(len(client.body))
    assert client.headers["content-type"] == "application/json"
    return client.status, json.loads(client.body)
