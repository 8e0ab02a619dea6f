import json

import pytest

from hearthside.dialects.conversations.errors import to_response
from hearthside.dialects.errors import InternalError, MethodNotAllowed
from hearthside.kit import errors as kinds
from hearthside.kit.errors import FieldProblem, HearthsideError

EXPECTED = {
    kinds.Invalid: (400, "VALIDATION_ERROR"),
    kinds.Unauthenticated: (401, "AUTH_REQUIRED"),
    kinds.Forbidden: (403, "FORBIDDEN"),
    kinds.NotFound: (404, "NOT_FOUND"),
    MethodNotAllowed: (405, "METHOD_NOT_ALLOWED"),
    kinds.Conflict: (409, "CONFLICT"),
    kinds.TooLarge: (413, "TOO_LARGE"),
    kinds.RateLimited: (429, "RATE_LIMITED"),
    kinds.QuotaExceeded: (429, "QUOTA_EXCEEDED"),
    InternalError: (500, "INTERNAL_ERROR"),
    kinds.UpstreamFailed: (502, "PROVIDER_ERROR"),
    kinds.Unavailable: (503, "UNAVAILABLE"),
    kinds.UpstreamTimeout: (504, "PROVIDER_TIMEOUT"),
    kinds.StorageFull: (507, "STORAGE_FULL"),
}


def worded(error: HearthsideError) -> tuple[int, dict[str, object]]:
    response = to_response(error, "r1")
    return response.status_code, json.loads(response.body)


@pytest.mark.parametrize(("kind", "expected"), EXPECTED.items())
def test_every_kind_has_its_status(kind: type[HearthsideError], expected: tuple[int, str]) -> None:
    status, body = worded(kind("What happened."))
    assert (status, body["code"]) == expected
    assert (body["message"], body["request_id"]) == ("What happened.", "r1")


def test_no_kind_is_forgotten() -> None:
    known = {kind for kind in vars(kinds).values() if isinstance(kind, type) and issubclass(kind, HearthsideError)}
    assert known - {HearthsideError} <= set(EXPECTED)


def test_a_kind_of_a_kind_has_its_status() -> None:
    class Cut(kinds.UpstreamFailed):
        default_code = "stream_cut"

    assert worded(Cut("Cut.")) == (502, {"code": "PROVIDER_ERROR", "message": "Cut.", "request_id": "r1"})


def test_wrong_fields_are_named() -> None:
    problem = FieldProblem("body.title", "too long")
    assert worded(kinds.Invalid("No.", fields=[problem]))[1]["detail"] == [
        {"where": "body.title", "message": "too long"}
    ]
