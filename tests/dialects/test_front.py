import base64
import hashlib
import re

from fastapi import FastAPI
from starlette.testclient import TestClient

from hearthside.dialects import front


def client() -> TestClient:
    app = FastAPI()
    front.install(app)
    return TestClient(app)


def test_a_program_gets_a_message() -> None:
    for accept in ("*/*", "application/json"):
        assert client().get("/", headers={"Accept": accept}).json() == {"message": "Hearthside is running."}


def test_a_browser_gets_a_page_whose_style_its_policy_allows() -> None:
    answer = client().get("/", headers={"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"})
    style = re.search("<style>(.*)</style>", answer.text, re.DOTALL)
    assert style is not None
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in answer.headers["Content-Security-Policy"]
    assert "http://testserver/auth/register" in answer.text
    assert '{"username": "ada"' in answer.text
