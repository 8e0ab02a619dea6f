"""Logs: one line an event, as text for people or as JSON for machines.

Only the fields named in FIELDS are ever written, so that a secret that strays into `extra` stays out of the log.
Control characters are escaped, so that nothing a client sends can forge a line or steer a terminal.
"""

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any

FIELDS = frozenset({
    "action", "address", "attempt", "bytes", "code", "conversation", "count", "error", "event", "generation", "host",
    "kind", "method", "model", "path", "pid", "port", "provider", "reason", "request_id", "seconds", "state", "status",
    "stream", "table", "tokens", "user", "version",
})  # fmt: skip

# What a LogRecord has of its own; everything beside it came with `extra`.
_OWN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


def configure(log_format: str, level: str) -> None:
    """Sends every logger to standard error in the chosen format ("text" or "json")."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if log_format == "json" else TextFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for noisy in ("aiosqlite", "asyncio", "alembic", "httpx", "uvicorn.error"):
        logging.getLogger(noisy).setLevel(max(logging.WARNING, root.level))


class TextFormatter(logging.Formatter):
    """`12:30:05 INFO hearthside.server listening port=8000`, then the traceback, if there is one."""

    def format(self, record: logging.LogRecord) -> str:
        time = datetime.fromtimestamp(record.created, UTC).strftime("%H:%M:%S")
        fields = "".join(f" {name}={_plain(value)}" for name, value in _fields(record).items())
        line = f"{time} {record.levelname} {record.name} {_plain(record.getMessage())}{fields}"
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time, level, logger, message, the fields, and the traceback under `exception`."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **_fields(record),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    return {name: value for name, value in vars(record).items() if name in FIELDS and name not in _OWN}


def _plain(value: object) -> str:
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in str(value))
