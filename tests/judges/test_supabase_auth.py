"""`@supabase/auth-js`, the client that browsers use with Supabase, signs up, in, refreshes and out at this server."""

import asyncio
import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.live import LiveServer

NODE = Path(__file__).parent / "node"
EMAIL, PASSWORD = "ada@example.org", "correct horse battery"


@pytest.fixture(scope="module")
def node() -> str:
    """A node with the judges' packages; tools/test.sh installs them."""
    if "node" in os.environ.get("HEARTHSIDE_TEST_SKIP", "").split(","):
        pytest.skip("HEARTHSIDE_TEST_SKIP names node")
    command = shutil.which("node")
    if command is None or not (NODE / "node_modules").is_dir():
        pytest.fail("node or its packages are missing: run tools/node.sh, or HEARTHSIDE_TEST_SKIP=node", pytrace=False)
    return command


async def judged(node: str, script: str, *arguments: str) -> dict[str, Any]:
    """What the script says it saw."""
    process = await asyncio.create_subprocess_exec(
        node, script, *arguments, cwd=NODE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    output, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()
    seen: dict[str, Any] = json.loads(output)
    return seen


async def test_the_client_of_supabase_signs_up_in_on_and_out(node: str, tmp_path: Path) -> None:
    async with LiveServer(tmp_path / "data") as server:
        seen = await judged(node, "supabase_auth.mjs", f"{server.url}/auth/v1", EMAIL, PASSWORD)
    user = seen["signUp"]["user"]
    assert seen["signUp"] == {"error": None, "user": user, "hasSession": True}
    assert (user["email"], user["aud"], user["user_metadata"]["full_name"]) == (EMAIL, "authenticated", "Ada Lovelace")
    assert (seen["again"]["status"], seen["again"]["code"]) == (422, "user_already_exists")
    assert (seen["weak"]["name"], seen["weak"]["code"]) == ("AuthWeakPasswordError", "weak_password")
    assert seen["anonymous"]["code"] == "anonymous_provider_disabled"
    assert (seen["wrong"]["status"], seen["wrong"]["code"]) == (400, "invalid_credentials")
    assert seen["signIn"] == {"error": None, "id": user["id"]}
    assert (seen["user"]["id"], seen["claims"]) == (user["id"], {"error": None, "sub": user["id"]})
    assert seen["updated"]["error"] is None
    assert seen["updated"]["metadata"]["full_name"] == "Countess"
    assert seen["refreshed"]["error"] is None
    assert seen["refreshed"]["isNew"]
    assert (seen["stale"]["status"], seen["stale"]["code"]) == (400, "refresh_token_not_found")
    assert (seen["signOut"], seen["session"]) == (None, None)
    assert seen["otherUser"]["name"] == "AuthSessionMissingError"
    assert [event for event in seen["events"] if event != "INITIAL_SESSION"] == [
        "SIGNED_IN", "SIGNED_IN", "USER_UPDATED", "TOKEN_REFRESHED", "SIGNED_OUT",
    ]  # fmt: skip
