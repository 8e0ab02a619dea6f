"""The documents tell the truth: settings and routes are all there, links lead somewhere, examples run."""

import ast
import asyncio
import importlib
import re
from pathlib import Path

import pytest
from fastapi.routing import APIRoute
from pydantic import AliasChoices
from pydantic.fields import FieldInfo

from hearthside.providers.known import KNOWN
from hearthside.settings import Settings
from tests.live import LiveServer

ROOT = Path(__file__).parent.parent
DOCUMENTS = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("bench/*.md")]
API = ROOT / "docs" / "conversations-api.md"

# Documents whose bash blocks run one after another in one shell, against a server on a fresh data folder, and what the
# last of them shows when all went well.
STREAMED = r'event: done\ndata: {"generation_id":"[^"]+","status":"ok"'
WITH_EXAMPLES = {
    "README.md": STREAMED,
    "docs/conversations-api.md": STREAMED,
    "docs/envelope-api.md": r'"role":"assistant"',
    "docs/pocketllm-api.md": STREAMED,
}


def _variable(name: str, field: FieldInfo) -> str:
    alias = field.validation_alias
    return str(alias.choices[0]) if isinstance(alias, AliasChoices) else f"HEARTHSIDE_{name.upper()}"


def _default(field: FieldInfo) -> str:
    value = field.default
    if value is None or value == ():
        return "—"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def test_every_setting_is_documented_with_its_default() -> None:
    text = (ROOT / "docs/settings.md").read_text("utf-8")
    rows = re.findall(r"^\| `([A-Z_]+)` \| (\S+) \| .+ \|$", text, re.MULTILINE)
    assert dict(rows) == {_variable(name, field): _default(field) for name, field in Settings.model_fields.items()}


def test_every_variable_of_a_provider_is_documented() -> None:
    text = (ROOT / "docs/settings.md").read_text("utf-8")
    rows = re.findall(r"^\| `(\w+)` \| ([^|]+) \| ([^|]+) \| ([^|]+) \|$", text, re.MULTILINE)
    documented = {id_: (name, *(re.findall(r"`(\w+)`", cell) for cell in cells)) for id_, name, *cells in rows}
    assert documented == {
        known.id: (known.name, list(known.key_variables), list(known.url_variables)) for known in KNOWN.values()
    }


@pytest.mark.parametrize("dialect", ["conversations", "envelope", "gotrue", "pocketllm"])
def test_every_route_is_documented_and_exists(dialect: str) -> None:
    # Imported late: importing the web framework would slow down every run that only wants the settings.
    routers = importlib.import_module(f"hearthside.dialects.{dialect}").ROUTERS
    built = {
        f"{method} {route.path}"
        for router in routers
        for route in router.routes
        if isinstance(route, APIRoute)
        for method in route.methods
    }
    page = (ROOT / "docs" / f"{dialect}-api.md").read_text("utf-8")
    documented = set(re.findall(r"^\| `([A-Z]+ /\S*)` \|", page, re.MULTILINE))
    assert documented == built


def test_every_error_code_is_documented_and_exists() -> None:
    given, constants = _codes()
    documented = set(re.findall(r"^\| `(\w+)` \|", (ROOT / "docs/errors.md").read_text("utf-8"), re.MULTILINE))
    assert given - documented == set(), "not documented"
    assert documented - constants == set(), "not in the source"


def _codes() -> tuple[set[object], set[object]]:
    """The codes that the source visibly gives to errors, and all its constants: a table may give one of those."""
    given: set[object] = set()
    constants: set[object] = set()
    for file in (ROOT / "src").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            match node:
                case ast.Constant():
                    constants.add(node.value)
                case ast.keyword(arg="code", value=value) | ast.Assign(targets=[ast.Name("default_code")], value=value):
                    given |= {part.value for part in ast.walk(value) if isinstance(part, ast.Constant)}
                case _:
                    pass
    return given, constants


def test_the_codes_of_the_conversations_api_are_codes_of_the_core() -> None:
    from hearthside.dialects.conversations.errors import to_code

    table = API.read_text("utf-8").rpartition("## Errors")[2]
    named = {
        code
        for row in re.findall(r"^\| \d+ \| (.+) \|$", table, re.MULTILINE)
        for code in re.findall(r"`([A-Z_]+)`", row)
    }
    assert named - {to_code(str(code)) for code in _codes()[1]} == set()


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(document: Path) -> None:
    broken = []
    for link in re.findall(r"\]\(([^)\s]+)\)", document.read_text("utf-8")):
        target, _, anchor = link.partition("#")
        if "://" in target:
            continue
        path = (document.parent / target) if target else document
        if not path.exists() or (anchor and anchor not in _anchors(path)):
            broken.append(link)
    assert broken == []


def _anchors(document: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", document.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", sorted((ROOT / "docs/decisions").glob("0*.md")), ids=lambda path: path.stem)
def test_a_decision_names_what_enforces_it(page: Path) -> None:
    enforcers = page.read_text("utf-8").partition("\nEnforced by: ")[2]
    named = re.findall(r"`([\w./]+/[\w.]+|[\w.]+\.(?:py|toml))`", enforcers)
    assert named, "no file is named"
    assert [
        name for name in named if not (ROOT / name).exists() and not (ROOT / "src/hearthside" / name).exists()
    ] == []


def test_the_locks_agree() -> None:
    """What the tests run on is what people run."""
    run, dev = _pins("run"), _pins("dev")
    assert {name: dev.get(name) for name in run} == run


def _pins(name: str) -> dict[str, str]:
    """Package and marker to version."""
    lines = (ROOT / "requirements" / f"{name}.lock").read_text("utf-8").splitlines()
    pins = [re.fullmatch(r"(\S+)==(\S+)( ; .+)? \\", line) for line in lines if not line.startswith(" ")]
    return {f"{pin[1]}{pin[3] or ''}": pin[2] for pin in pins if pin}


@pytest.mark.parametrize("document", WITH_EXAMPLES)
async def test_examples_run(document: str, tmp_path: Path) -> None:
    blocks = re.findall(r"^```bash\n(.+?)^```", (ROOT / document).read_text("utf-8"), re.MULTILINE | re.DOTALL)
    assert blocks
    async with LiveServer(tmp_path / "data") as server:
        script = "set -euo pipefail\n" + "\n".join(blocks).replace("http://127.0.0.1:8000", server.url)
        shell = await asyncio.create_subprocess_exec(
            "bash", "-c", script, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT, cwd=tmp_path
        )
        output = (await shell.communicate())[0].decode()
    assert shell.returncode == 0, output
    assert re.search(WITH_EXAMPLES[document], output), output
