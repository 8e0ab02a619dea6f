"""What a model process said before it ended, as a sentence for people: without the paths of this machine.

llama.cpp at verbosity 1 writes errors only, the deepest cause first, then every caller's "failed to ...":
`0.00.001.234 E llama_model_load: error loading model: <why>`; or, before it aborts,
`/build/llama.cpp/src/llama-model.cpp:1356: GGML_ASSERT(<what>) failed`.
"""

import re
import signal
from collections.abc import Iterable

_MAX_CHARACTERS = 300
_STAMP = re.compile(r"^[\d.]+ [EWI] +")
_SPEAKER = re.compile(r"^(?:\w+ +)?[\w]+: +(?:error: +)?")
_LOADING = re.compile(r"error loading model: +(?:error loading model hyperparameters: +|check_tensor_dims: +)?(.+)")
_ASSERT = re.compile(r"GGML_ASSERT\((.+)\) failed")
_PATH = re.compile(r"'?(?:[\w.~-]*/)+([\w.-]*)'?")
_ECHO = re.compile(r"failed to (?:load|init|read (?:header|key-value pairs|tensor))|exiting due to")
# The machine's troubles, not the file's.
_MACHINE = re.compile(
    r"bind|alloc|memory|No such file|Permission denied|import|shared (?:object|library)", re.IGNORECASE
)
_MACHINE_SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGILL, signal.SIGHUP, signal.SIGINT)


def load_reason(stderr: Iterable[str], said: str | None, exit_code: int | None) -> str:
    """Why a model did not load. `said` is the child's own report; llama.cpp's own words are preferred to it."""
    lines = _clean(stderr)
    return _tidy(_asserted(lines) or _first_error(lines) or _loading(lines) or said or _ended_by(exit_code))


def crash_reason(stderr: Iterable[str], exit_code: int | None) -> str:
    """Why a model that was serving ended. Errors of single requests stand there, too: only an abort explains it."""
    return _tidy(_asserted(_clean(stderr)) or _ended_by(exit_code))


def blames_file(stderr: Iterable[str], said: str | None, exit_code: int | None) -> bool:
    """False where the machine is the more likely cause: short of memory, another CPU, a library that is missing."""
    if exit_code is not None and -exit_code in _MACHINE_SIGNALS:
        return False
    return not _MACHINE.search(load_reason(stderr, said, exit_code))


def _clean(stderr: Iterable[str]) -> list[str]:
    return [_STAMP.sub("", line).strip() for line in stderr]


def _asserted(lines: list[str]) -> str | None:
    for line in lines:
        if match := _ASSERT.search(line):
            return f"llama.cpp gave up on it because this does not hold: {match.group(1)}"
    return None


def _first_error(lines: list[str]) -> str | None:
    for line in lines:
        if not _LOADING.search(line) and not _ECHO.search(line) and _SPEAKER.match(line):
            return _SPEAKER.sub("", line, count=1)
    return None


def _loading(lines: list[str]) -> str | None:
    for line in lines:
        if match := _LOADING.search(line):
            return match.group(1)
    return None


def _ended_by(exit_code: int | None) -> str:
    if exit_code == -signal.SIGKILL:
        return "its process was killed, most likely because the machine ran out of memory"
    if exit_code is not None and exit_code < 0:
        return f"its process was ended by the signal {-exit_code}"
    if exit_code is not None:
        return f"its process ended with the exit code {exit_code}"
    return "its process gave no reason"


def _tidy(text: str) -> str:
    text = _PATH.sub(r"\1", text[: 3 * _MAX_CHARACTERS]).rstrip(". ")
    text = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    return text if len(text) <= _MAX_CHARACTERS else text[:_MAX_CHARACTERS] + "…"
