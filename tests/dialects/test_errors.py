import re

from fastapi import FastAPI
from starlette.responses import PlainTextResponse, Response

from hearthside.dialects.errors import ErrorTable, error_table
from hearthside.kit.errors import HearthsideError, NotFound, RateLimited, Unauthenticated


def plain(word: str):
    def render(error: HearthsideError, request_id: str) -> Response:
        return PlainTextResponse(f"{word} {error.code} {request_id}")

    return render


def table() -> ErrorTable:
    errors = ErrorTable()
    errors.add("", plain("root"))
    errors.add("/api/v1", plain("studio"))
    errors.add("/api/v1/special/", plain("special"))
    return errors


def worded(path: str, error: HearthsideError) -> Response:
    return table().response({"path": path, "state": {"request_id": "r1"}}, error)


def test_the_longest_prefix_words_the_error() -> None:
    gone = NotFound("gone")
    assert worded("/api/v1/jobs", gone).body == b"studio not_found r1"
    assert worded("/api/v1", gone).body == b"studio not_found r1"
    assert worded("/api/v1/special/thing", gone).body == b"special not_found r1"
    assert worded("/api/v10", gone).body == b"root not_found r1"
    assert worded("/", gone).body == b"root not_found r1"


def test_headers_that_http_wants() -> None:
    assert worded("/", RateLimited("slower", retry_after_seconds=0.2)).headers["retry-after"] == "1"
    assert worded("/", Unauthenticated("who?")).headers["www-authenticate"] == "Bearer"


def test_there_is_one_table_an_application() -> None:
    app = FastAPI()
    assert error_table(app) is error_table(app)


def test_a_dialect_says_which_request_ids_of_clients_it_takes() -> None:
    errors = table()
    errors.add("/strict", plain("strict"), request_ids=re.compile("[0-9]+"))
    assert errors.takes_request_id("/strict/path", "123")
    assert not errors.takes_request_id("/strict/path", "abc")
    assert errors.takes_request_id("/", "abc-1.2_3")
    assert not errors.takes_request_id("/", "a b")
    assert ErrorTable().takes_request_id("/", "abc"), "before any dialect is there"
