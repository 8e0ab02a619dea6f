"""The rules of the house that linters cannot say; docs/architecture.md has them in words.

The floors are import-linter's (pyproject.toml, `make check`).
"""

import ast
import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src"
GENERATED = SOURCE / "hearthside" / "migrations" / "versions"  # by Alembic, from the tables

MAX_FILE_LINES = {"src": 300, "bench": 300, "tests": 400}
MAX_FUNCTION_LINES = 40

# SQL stands in store.py, *_store.py, the migrations, and where the kit wraps the database.
SQL_PACKAGES = {"sqlalchemy", "aiosqlite", "asyncpg", "alembic"}
SQL_MODULES = re.compile(
    r"hearthside\.(kit\.(db|events?|event_\w+|remote_wakeups)|migrations(\..+)?|\w+\.(store|\w+_store))"
)
# Services hand the transaction that they opened to the stores, and may name its type.
TRANSACTION = {"sqlalchemy.ext.asyncio", "sqlalchemy.ext.asyncio.AsyncConnection"}
STORE = re.compile(r"hearthside\.(?P<slice>\w+)\.(store|\w+_store)")

# Written so that this file does not hold what it looks for.
FORBIDDEN_TEXT = {
    "a package host": re.compile(
        r"pypi\.o[r]g|pythonho[s]ted\.|npm[j]s\.|registry\.y[a]rn|crates\.i[o]\b|proxy\.gol[a]ng|--(extra-)?index-u[r]l"
    ),
    "a path of one machine": re.compile(rf"(?<![\w.])(/ro[o]t|/wo[r]k|{re.escape(str(Path.home()))})/"),
}


@cache
def modules() -> dict[str, ast.Module]:
    """Every module of the product, parsed, by its dotted name."""
    found = {}
    for file in sorted(SOURCE.rglob("*.py")):
        parts = file.relative_to(SOURCE).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        found[name] = ast.parse(file.read_text("utf-8"), filename=str(file))
    return found


def imported(tree: ast.AST) -> Iterator[str]:
    """The dotted names that `tree` imports: modules, and what may be a module or a name in one."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def files_in_git() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if listed.returncode != 0:
        pytest.skip("not a git checkout: there is no telling which files are the project's")
    return [ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (node for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)))


def test_a_file_has_one_subject_and_so_few_lines() -> None:
    too_long = {
        str(file.relative_to(ROOT)): lines
        for folder, most in MAX_FILE_LINES.items()
        for file in (ROOT / folder).rglob("*.py")
        if not file.is_relative_to(GENERATED) and (lines := file.read_text("utf-8").count("\n")) > most
    }
    assert too_long == {}


def test_a_function_fits_on_a_screen() -> None:
    too_long = {
        f"{module}.{function.name}": lines
        for module, tree in modules().items()
        for function in functions(tree)
        if not module.startswith("hearthside.migrations.versions.")
        and (lines := (function.end_lineno or 0) - function.lineno + 1) > MAX_FUNCTION_LINES
    }
    assert too_long == {}


def test_every_module_says_what_it_owns() -> None:
    silent = [name for name, tree in modules().items() if tree.body and ast.get_docstring(tree) is None]
    assert silent == []


def test_modules_are_split_by_noun() -> None:
    vague = {"utils", "util", "helpers", "helper", "common", "misc", "tools"}
    assert [name for name in modules() if vague & set(name.split("."))] == []


def test_sql_stays_in_the_stores() -> None:
    astray = {
        name: sorted(found)
        for name, tree in modules().items()
        if not SQL_MODULES.fullmatch(name)
        and (found := {target for target in imported(tree) if target.split(".")[0] in SQL_PACKAGES} - TRANSACTION)
    }
    assert astray == {}


def test_no_object_mapper() -> None:
    mapped = [
        name for name, tree in modules().items() if any(one.startswith("sqlalchemy.orm") for one in imported(tree))
    ]
    assert mapped == []


def test_nobody_imports_the_store_of_another_slice() -> None:
    reached = [
        f"{name} imports {target}"
        for name, tree in modules().items()
        for target in imported(tree)
        if (store := STORE.fullmatch(target))
        and not name.startswith((f"hearthside.{store['slice']}.", "hearthside.migrations"))
    ]
    assert reached == []


def test_dialects_do_not_know_each_other() -> None:
    doors = {folder.parent.name for folder in (SOURCE / "hearthside" / "dialects").glob("*/__init__.py")}
    acquainted = [
        f"{name} imports {target}"
        for name, tree in modules().items()
        for target in imported(tree)
        if name.startswith("hearthside.dialects.")
        and target.startswith("hearthside.dialects.")
        and (mine := name.split(".")[2]) in doors
        and (other := target.split(".")[2]) in doors
        and mine != other
    ]
    assert acquainted == []


def test_an_import_inside_a_function_says_why() -> None:
    unexplained = [
        f"{name}:{node.lineno}"
        for name, tree in modules().items()
        for function in functions(tree)
        for node in ast.walk(function)
        if isinstance(node, (ast.Import, ast.ImportFrom)) and not _is_explained(function, node, _lines(name))
    ]
    assert unexplained == []


@cache
def _lines(module: str) -> list[str]:
    path = SOURCE / Path(*module.split("."))
    file = path.with_suffix(".py") if path.with_suffix(".py").exists() else path / "__init__.py"
    return file.read_text("utf-8").splitlines()


def _is_explained(function: ast.AST, node: ast.stmt, lines: list[str]) -> bool:
    """A reason stands on the line, above it and the imports beside it, or in the function's docstring."""
    if isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef)) and "import" in (
        ast.get_docstring(function) or ""
    ):
        return True
    index = node.lineno - 1
    while re.match(r"\s*((from \S+ )?import |$)", lines[index]):
        if re.search(r"#(?! noqa).+|# noqa.* - ", lines[index]):
            return True
        index -= 1
    return lines[index].lstrip().startswith("#")


@pytest.mark.parametrize("what", FORBIDDEN_TEXT)
def test_the_repository_is_of_no_one_place(what: str) -> None:
    found = []
    for file in files_in_git():
        try:
            text = file.read_text("utf-8")
        except UnicodeDecodeError:
            continue
        found += [f"{file.relative_to(ROOT)}: {match[0]}" for match in FORBIDDEN_TEXT[what].finditer(text)]
    assert found == [], f"the repository names {what}"
