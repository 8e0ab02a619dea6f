import io
import json
import logging

from hearthside.kit.secret import Secret
from hearthside.kit.telemetry import JsonFormatter, TextFormatter


def written(formatter: logging.Formatter, message: str, **extra: object) -> str:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(formatter)
    logger = logging.Logger("test")
    logger.addHandler(handler)
    logger.warning(message, extra=extra)
    return stream.getvalue()


def test_fields_that_are_not_named_stay_out() -> None:
    for formatter in (TextFormatter(), JsonFormatter()):
        line = written(formatter, "signed in", user="ann", password="hunter2")
        assert "ann" in line
        assert "hunter2" not in line


def test_a_client_cannot_forge_a_line() -> None:
    for formatter in (TextFormatter(), JsonFormatter()):
        assert written(formatter, "seen", path="/x\n12:00:00 INFO forged\x1b[2J").count("\n") == 1
        assert "\x1b" not in written(formatter, "seen", path="\x1b[2J")


def test_a_secret_prints_as_stars() -> None:
    assert "hunter2" not in written(TextFormatter(), "seen", reason=Secret("hunter2"))


def test_json_lines_are_json() -> None:
    line = json.loads(written(JsonFormatter(), "signed in", user="ann", status=200))
    assert (line["message"], line["user"], line["status"], line["level"]) == ("signed in", "ann", 200, "warning")
