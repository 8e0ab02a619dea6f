"""The process of one local model: llama.cpp's HTTP server on a unix socket, in a process of its own.

Run as `python -I -m hearthside.engines.child` by `engines/process.py`, and by nobody else. The first line of standard
input is the configuration; the end of standard input is the order to go, so that the process never outlives its
parent, however that one ended. The one line on standard output is the report: ready, or failed and why. Errors of
llama.cpp go to standard error as they come.

Only here is xllamacpp imported, and nothing of Hearthside is: the process is as small as it can be.
"""

import contextlib
import fcntl
import importlib
import json
import math
import os
import resource
import select
import sys
from pathlib import Path
from typing import Any

EXIT_FAILED = 3
_STDIN = 0
# The kernel kills this process before the parent, when memory is short: the parent can tell the person, and go on.
_OOM_SCORE = "500"


class _NotLoaded(Exception):
    """Why, in words for people."""


def main() -> None:
    report = _take_stdout()
    _limit_process()
    config: dict[str, Any] = json.loads(sys.stdin.readline())
    _die_with_stdin(on=True)
    try:
        _server = _load(config)  # llama.cpp answers in threads of its own, for as long as this object lives
    except _NotLoaded as failure:
        _say(report, {"event": "failed", "reason": str(failure)})
        _leave(config, EXIT_FAILED)
    else:
        _say(report, {"event": "ready"})
        _die_with_stdin(on=False)
        sys.stdin.read()
        _leave(config, 0)


def _take_stdout() -> int:
    """Keeps standard output for the report; whatever llama.cpp prints there goes to standard error instead."""
    report = os.dup(1)
    os.dup2(2, 1)
    return report


def _limit_process() -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(_OOM_SCORE)


def _die_with_stdin(*, on: bool) -> None:
    """Lets the kernel end the process by SIGIO when standard input closes.

    llama.cpp holds the interpreter lock while it loads, seconds or minutes, so no thread of Python can watch for it
    then.
    """
    flags = fcntl.fcntl(_STDIN, fcntl.F_GETFL)
    if on:
        fcntl.fcntl(_STDIN, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(_STDIN, fcntl.F_SETFL, flags | os.O_ASYNC if on else flags & ~os.O_ASYNC)
    if on and select.select([_STDIN], [], [], 0)[0]:
        os._exit(0)  # it had closed before the kernel was asked to watch it


def _load(config: dict[str, Any]) -> Any:
    """The running server, proved by one token."""
    try:
        # Here, not above: this import takes its time, and by now the parent's death is noticed.
        llama: Any = importlib.import_module("xllamacpp")
        server = llama.Server(_parameters(llama.CommonParams(), config))
    except (ImportError, OSError, RuntimeError, ValueError) as error:
        raise _NotLoaded(str(error)) from error
    if not _makes_sense(server):
        raise _NotLoaded("its weights are damaged: the first token that it made has no probability")
    return server


def _parameters(params: Any, config: dict[str, Any]) -> Any:
    """What `engines/process.py` asks for, over defaults that were measured to be safe."""
    params.model.path = config["path"]
    params.model_alias = {config["model_id"]}  # else the server names the file's path in its answers
    params.hostnames = [config["unix_socket"]]
    params.api_keys = [config["api_key"]]
    params.ui = False
    params.verbosity = 1  # errors only: the reason of a failed load, and nothing else
    params.n_ctx = config["pool_tokens"]
    params.n_parallel = config["slots"]
    params.kv_unified = True  # the slots share one pool; each may use the model's whole context
    params.n_batch = params.n_ubatch = 256  # a disconnect is noticed between batches: half a minute, with the default
    params.n_threads_http = config["slots"] + 2
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = config["threads"]
    params.fit_params = False  # the parent has planned the memory; do not plan again, for another machine
    params.cache_ram_mib = 0  # up to 8 GiB of old prompts, otherwise, that no budget knows of
    params.use_jinja = True
    return params


def _makes_sense(server: Any) -> bool:
    """One token with a finite probability. NaN weights load well and then talk garbage; some models abort here."""
    answer = server.handle_completions(
        {"prompt": "0", "n_predict": 1, "n_probs": 1, "temperature": 0, "ignore_eos": True}
    )
    try:
        logprob = answer["choices"][0]["logprobs"]["content"][0]["logprob"]
    except (KeyError, IndexError, TypeError):
        return False
    return isinstance(logprob, (int, float)) and math.isfinite(logprob)


def _say(report: int, line: dict[str, Any]) -> None:
    os.write(report, json.dumps(line).encode() + b"\n")


def _leave(config: dict[str, Any], code: int) -> None:
    """At once: llama.cpp's threads are not waited for, and no destructor can hang."""
    with contextlib.suppress(OSError):
        Path(config["unix_socket"].removeprefix("unix://")).unlink()
    os._exit(code)


if __name__ == "__main__":
    main()
