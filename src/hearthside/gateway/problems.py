"""What providers say when they fail: error bodies of many shapes read into one, and cleaned for people's eyes."""

import re
from dataclasses import dataclass
from typing import Any, cast

import msgspec


@dataclass(frozen=True, slots=True)
class Problem:
    """A provider's own account of a failure.

    `codes` are all its machine-readable words, lower-case; `status` is an HTTP status that it names itself (0: none).
    """

    message: str = ""
    codes: frozenset[str] = frozenset()
    status: int = 0
    retry_after_seconds: float | None = None


class Reported(Exception):
    """The provider sent an error where events were expected; caught where the provider's name is known."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.message)
        self.problem = problem


def read_problem(body: bytes) -> Problem:
    """From an error answer's body; anything but JSON (a proxy's HTML page) says nothing."""
    try:
        value: Any = msgspec.json.decode(body)
        return to_problem(value)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Problem()


def to_problem(value: Any) -> Problem:
    """OpenAI `{error: {message, type, code}}`, Anthropic `{error: {type, message}}`, Gemini `[{error: {code, message,
    status, details}}]`, Ollama `{error: "…"}`, FastAPI `{detail: …}`, Mistral and vLLM `{message, type, code}`."""
    if isinstance(value, list):
        items = cast("list[Any]", value)
        return to_problem(items[0]) if items else Problem()
    if isinstance(value, str):
        return Problem(message=value)
    if not isinstance(value, dict):
        return Problem()
    fields = cast("dict[str, Any]", value)
    for inner in ("error", "detail"):
        if fields.get(inner):
            return to_problem(fields[inner])
    return _from_fields(fields)


def _from_fields(fields: dict[str, Any]) -> Problem:
    message = fields.get("message") or fields.get("msg")
    if isinstance(message, (dict, list)):
        message = to_problem(message).message
    details: Any = fields.get("details")
    entries = (
        [cast("dict[str, Any]", entry) for entry in details if isinstance(entry, dict)] if _is_list(details) else []
    )
    words = [fields.get("type"), fields.get("code"), fields.get("status"), *(entry.get("reason") for entry in entries)]
    numbers = [_number(word) for word in words]
    return Problem(
        message=message if isinstance(message, str) else "",
        codes=frozenset(word.lower() for word in words if isinstance(word, str)),
        status=next((number for number in numbers if 400 <= number <= 599), 0),
        retry_after_seconds=next((delay for entry in entries if (delay := _delay(entry)) is not None), None),
    )


def _is_list(value: Any) -> bool:
    return isinstance(value, list)


def _number(word: Any) -> int:
    """500, and "500" as some send it."""
    if isinstance(word, int):
        return word
    return int(word) if isinstance(word, str) and word.isascii() and word.isdigit() and len(word) == 3 else 0


def _delay(entry: dict[str, Any]) -> float | None:
    """google.rpc.RetryInfo: {"retryDelay": "34.07s"}."""
    match = re.fullmatch(r"(\d{1,6}(?:\.\d{1,9})?)s", str(entry.get("retryDelay", "")))
    return float(match.group(1)) if match else None


_KEY_LIKE = re.compile(
    r"""(?ix)
      \b(?:bearer|basic) \s+ [^\s"',;]+                                   # an Authorization header's value
    | \b(?:sk|pk|rk|gsk|xai|hf|hs|hsr|key|tgp|csk|nvapi|r8|AIza)[-_] [^\s"',;)]{4,}   # well-known prefixes
    | \bAIza[0-9a-z_-]{8,}
    | (?<=[?&]) (?:key|api_?key|token|access_token) = [^\s&"']+           # a key in a URL
    | \b(?=[a-z0-9_-]*\d)(?=[a-z0-9_-]*[a-z]) [a-z0-9_-]{32,} \b          # long, letters and digits: no word for people
    """
)
_LONGEST_QUOTE = 300


def cleaned(message: str, *, secret: str = "") -> str:
    """One short line without control characters and without anything that looks like a key; `secret` in any case."""
    if secret:
        message = message.replace(secret, "***")
    line = " ".join("".join(character if character.isprintable() else " " for character in message).split())
    line = _KEY_LIKE.sub("***", line)
    return line if len(line) <= _LONGEST_QUOTE else line[: _LONGEST_QUOTE - 1].rstrip() + "…"
