"""`GET /`: a page for a person's browser, a message for a program."""

import base64
import hashlib
import html

from fastapi import APIRouter, FastAPI
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

import hearthside

router = APIRouter(include_in_schema=False)

_STYLE = """
:root { color-scheme: light dark; }
body { font: 1rem/1.6 system-ui, sans-serif; max-width: 40rem; margin: 12vh auto; padding: 0 1.5rem; }
h1 { font-size: 1.6rem; margin-bottom: 0; }
p.version { margin-top: 0; opacity: 0.7; }
pre { padding: 1rem; overflow-x: auto; border: 1px solid color-mix(in srgb, currentColor 25%, transparent); border-radius: 0.5rem; }
"""  # noqa: E501 - one rule a line

_PAGE = f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Hearthside</title>
<style>{_STYLE}</style>
</head>
<body>
<h1>Hearthside is running</h1>
<p class="version">version {hearthside.__version__}</p>
<p>This server keeps accounts and conversations and speaks to every model it can reach. Its web page comes with a later
release; until then programs talk to it. <a href="/openapi.json">/openapi.json</a> describes the whole interface, and
<a href="/health">/health</a> tells how it is.</p>
<p>A first account, from a terminal on this machine:</p>
<pre>curl -c jar $origin/auth/register \\
  -H 'Content-Type: application/json' \\
  -d '{{"username": "ada", "password": "a long enough password"}}'</pre>
<p>The README goes on from there: a conversation, a message, and the reply while it is being written.</p>
</body>
</html>
"""

_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_HEADERS = {
    "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'",
    "Vary": "Accept",
}


def install(app: FastAPI) -> None:
    app.include_router(router)


@router.get("/")
async def front(request: Request) -> Response:
    """contracts: a browser (Accept: text/html) gets the page; anyone else `{message}`."""
    if "text/html" not in request.headers.get("accept", ""):
        return JSONResponse({"message": "Hearthside is running."}, headers={"Vary": "Accept"})
    origin = html.escape(str(request.base_url).rstrip("/"))
    return HTMLResponse(_PAGE.replace("$origin", origin), headers=_HEADERS)
