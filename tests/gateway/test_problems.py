"""Error bodies of every shape, and what of them may be shown."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hearthside.gateway.problems import Problem, cleaned, read_problem


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (
            {"error": {"message": "No.", "type": "invalid_request_error", "param": None, "code": "model_not_found"}},
            Problem("No.", frozenset({"invalid_request_error", "model_not_found"})),
        ),
        (
            {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}},
            Problem("Overloaded", frozenset({"overloaded_error"})),
        ),
        (
            [
                {
                    "error": {
                        "code": 429,
                        "message": "Quota",
                        "status": "RESOURCE_EXHAUSTED",
                        "details": [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "34.5s"}],
                    }
                }
            ],
            Problem("Quota", frozenset({"resource_exhausted"}), 429, 34.5),
        ),
        ({"error": "model 'x' not found"}, Problem("model 'x' not found")),
        ({"error": {"message": "Bad", "code": "502"}}, Problem("Bad", frozenset({"502"}), 502)),
        (
            {"object": "error", "message": "Bad", "type": "BadRequestError", "code": 400},
            Problem("Bad", frozenset({"badrequesterror"}), 400),
        ),
        (
            {"detail": [{"loc": ["body"], "msg": "field required", "type": "missing"}]},
            Problem("field required", frozenset({"missing"})),
        ),
        ({"detail": "Unauthorized"}, Problem("Unauthorized")),
        ({"message": {"detail": [{"msg": "extra"}]}}, Problem("extra")),
        ([], Problem()),
        (3, Problem()),
    ],
)
def test_shapes(body: Any, problem: Problem) -> None:
    assert read_problem(json.dumps(body).encode()) == problem


FIELDS = st.sampled_from(["error", "message", "detail", "code", "type", "details", "msg"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(FIELDS, inner),
)


@given(JSON)
def test_no_body_is_too_odd(body: Any) -> None:
    assert isinstance(read_problem(json.dumps(body).encode()).message, str)


@pytest.mark.parametrize("page", [b"<html>502 Bad Gateway</html>", b"", b"\xff\xfe", b"[" * 5000, b'{"error":' * 5000])
def test_what_is_not_json_says_nothing(page: bytes) -> None:
    assert read_problem(page) == Problem()


@pytest.mark.parametrize(
    "leak",
    [
        "sk-proj-abcdEFGH1234",
        "sk-ant-api03-xyzXYZ_-1",
        "Bearer abc.def.ghi",
        "bearer abcdef",
        "AIzaSyD-1234567890abcdefg",
        "gsk_abcdef123456",
        "xai-abcdef123456",
        "hf_abcdefghijk",
        "hs_abcdefghijk",
        "sk-...wxyz",
        "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9",
    ],
)
def test_keys_are_masked(leak: str) -> None:
    shown = cleaned(f"Incorrect API key provided: {leak}. Find yours at https://example.com/account.")
    assert leak not in shown
    assert shown.startswith("Incorrect API key provided: ***")
    assert "https://example.com/account" in shown


def test_the_key_in_use_is_masked_whatever_it_looks_like() -> None:
    assert cleaned("key swordfish is wrong", secret="swordfish") == "key *** is wrong"


def test_a_key_in_a_url_is_masked() -> None:
    assert "hunter2" not in cleaned("POST https://example.com/models?key=hunter2&alt=sse failed")


def test_ordinary_sentences_stay() -> None:
    sentence = "This model's maximum context length is 8192 tokens, however you requested 9000."
    assert cleaned(sentence) == sentence
    assert cleaned("The model `meta-llama/Llama-3.3-70B-Instruct-Turbo` is risky-business.") == (
        "The model `meta-llama/Llama-3.3-70B-Instruct-Turbo` is risky-business."
    )


def test_it_is_one_short_printable_line() -> None:
    shown = cleaned("a\n\x1b[31mb\t" + "word " * 200)
    assert shown.startswith("a [31mb word")
    assert len(shown) <= 300
    assert shown.isprintable()
