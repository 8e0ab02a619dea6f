"""Every way in which providers fail, as they publish it, and the error that people get."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from hearthside.gateway.failures import from_answer, from_problem, from_transport, is_transient, retry_after
from hearthside.gateway.problems import to_problem
from hearthside.kit.errors import HearthsideError, Invalid, RateLimited, Unavailable, UpstreamFailed, UpstreamTimeout
from hearthside.kit.exchange import Cut, TimedOut, Unreachable, Unreadable
from hearthside.kit.secret import Secret
from hearthside.providers.model import Endpoint, WireProtocol

ENDPOINT = Endpoint(
    "acme", "Acme", WireProtocol.OPENAI, "https://acme.example/v1", Secret("swordfish-key"), trusted=False
)
NOW = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)


def answered(status: int, body: Any = None, **headers: str) -> HearthsideError:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return from_answer(ENDPOINT, status, {n.replace("_", "-"): v for n, v in headers.items()}, raw, now=NOW)


def openai(message: str, type_: str = "invalid_request_error", code: str | None = None) -> dict[str, Any]:
    return {"error": {"message": message, "type": type_, "param": None, "code": code}}


def anthropic(type_: str, message: str) -> dict[str, Any]:
    return {"type": "error", "error": {"type": type_, "message": message}}


def google(code: int, status: str, message: str, **detail: str) -> dict[str, Any]:
    return {"error": {"code": code, "message": message, "status": status, "details": [detail]}}


TOO_LONG = "This model's maximum context length is 8192 tokens. However, your messages resulted in 9000 tokens."


AUTH = (UpstreamFailed, "provider_auth")
NO_MODEL = (Invalid, "model_not_found")
LONG = (Invalid, "context_too_long")
REFUSED = (Invalid, "content_refused")
QUOTA = (UpstreamFailed, "provider_quota")
LIMITED = (RateLimited, "provider_rate_limited")
OVERLOADED = (Unavailable, "provider_overloaded")
ERROR = (UpstreamFailed, "provider_error")
LATE = (UpstreamTimeout, "provider_timeout")


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (401, openai("Incorrect API key provided", code="invalid_api_key"), AUTH),
        (401, anthropic("authentication_error", "invalid x-api-key"), AUTH),
        (400, google(400, "INVALID_ARGUMENT", "API key not valid.", reason="API_KEY_INVALID"), AUTH),
        (403, google(403, "PERMISSION_DENIED", "Denied."), AUTH),
        (401, b"<html>no</html>", AUTH),
        (
            404,
            openai("The model `x` does not exist or you do not have access to it.", code="model_not_found"),
            NO_MODEL,
        ),
        (404, anthropic("not_found_error", "model: claude-x not found"), NO_MODEL),
        (404, google(404, "NOT_FOUND", "models/gemini-x is not found for API version v1beta"), NO_MODEL),
        (404, {"error": 'model "x" not found, try pulling it first'}, NO_MODEL),
        (400, openai("mistral-x is an invalid model: Invalid model: x"), NO_MODEL),
        (404, b"404 page not found", ERROR),
        (400, openai(TOO_LONG, code="context_length_exceeded"), LONG),
        (400, openai(TOO_LONG), LONG),
        (400, anthropic("invalid_request_error", "prompt is too long: 210000 tokens > 200000 maximum"), LONG),
        (
            400,
            google(
                400, "INVALID_ARGUMENT", "The input token count (9) exceeds the maximum number of tokens allowed (8)."
            ),
            LONG,
        ),
        (
            400,
            {
                "error": {
                    "code": 400,
                    "message": "the request exceeds the available context size",
                    "type": "exceed_context_size_error",
                }
            },
            LONG,
        ),
        (413, anthropic("request_too_large", "Request exceeds the maximum size"), LONG),
        (
            400,
            openai("Your request was rejected as a result of our safety system.", code="content_policy_violation"),
            REFUSED,
        ),
        (403, openai("Your input was flagged by moderation."), REFUSED),
        (402, openai("Insufficient Balance"), QUOTA),
        (429, openai("You exceeded your current quota", "insufficient_quota", "insufficient_quota"), QUOTA),
        (400, anthropic("invalid_request_error", "Your credit balance is too low to access the Anthropic API."), QUOTA),
        (429, openai("Rate limit reached for gpt-4o: context length", "tokens", "rate_limit_exceeded"), LIMITED),
        (429, anthropic("rate_limit_error", "Slow down"), LIMITED),
        (429, b"", LIMITED),
        (529, anthropic("overloaded_error", "Overloaded"), OVERLOADED),
        (503, google(503, "UNAVAILABLE", "The model is overloaded."), OVERLOADED),
        (500, openai("The server had an error", "server_error"), ERROR),
        (502, b"<html>Bad Gateway</html>", ERROR),
        (504, google(504, "DEADLINE_EXCEEDED", "Deadline expired"), LATE),
        (400, openai("Unknown parameter: 'foo'."), ERROR),
        (422, {"detail": [{"msg": "Extra inputs are not permitted"}]}, ERROR),
        (302, b"", ERROR),
    ],
)
def test_answers(status: int, body: Any, expected: tuple[type[HearthsideError], str]) -> None:
    error = answered(status, body)
    assert isinstance(error, expected[0])
    assert error.code == expected[1]
    assert "Acme" in error.message


@pytest.mark.parametrize(("status", "transient"), [(500, True), (502, True), (503, True), (529, True), (400, False)])
def test_what_is_worth_another_try(status: int, transient: bool) -> None:
    assert is_transient(answered(status, openai("x"))) == transient


def test_the_message_quotes_the_provider_without_its_secrets() -> None:
    error = answered(401, openai("Incorrect API key provided: sk-abcd1234efgh (swordfish-key)."))
    assert error.message == (
        "Acme refused the API key. Check the key in the provider's settings. "
        "It said: Incorrect API key provided: *** (***)."
    )


def test_bodies_are_never_passed_on_raw() -> None:
    error = answered(500, b"<html>secret stack trace</html>")
    assert error.message == "Acme had an error of its own."


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry_after": "7"}, 7.0),
        ({"retry_after": "0.5"}, 0.5),
        ({"retry_after_ms": "1500", "retry_after": "9"}, 1.5),
        ({"retry_after": "Thu, 01 Jan 2026 12:00:30 GMT"}, 30.0),
        ({"retry_after": "Thu, 01 Jan 2026 11:00:00 GMT"}, 0.0),
        ({"retry_after": "soon"}, None),
        ({"retry_after": "-1"}, None),
        ({"retry_after": "nan"}, None),
        ({}, None),
    ],
)
def test_retry_after(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after({n.replace("_", "-"): v for n, v in headers.items()}, now=NOW) == seconds
    assert answered(429, openai("slow"), **headers).retry_after_seconds == seconds


def test_google_says_it_in_the_body() -> None:
    assert answered(429, google(429, "RESOURCE_EXHAUSTED", "Quota", retryDelay="34s")).retry_after_seconds == 34.0


@pytest.mark.parametrize(
    ("problem", "kind", "code"),
    [
        ({"type": "overloaded_error", "message": "Overloaded"}, Unavailable, "provider_overloaded"),
        ({"code": 429, "message": "Rate limited"}, RateLimited, "provider_rate_limited"),
        ({"code": 502, "message": "Upstream"}, UpstreamFailed, "provider_error"),
        ("model runner has unexpectedly stopped", UpstreamFailed, "provider_error"),
        ("greater than the context length", Invalid, "context_too_long"),
    ],
)
def test_errors_inside_a_stream(problem: Any, kind: type[HearthsideError], code: str) -> None:
    error = from_problem(ENDPOINT, to_problem(problem))
    assert isinstance(error, kind)
    assert error.code == code


@pytest.mark.parametrize(
    ("error", "kind", "code"),
    [
        (Unreachable("x"), Unavailable, "provider_unreachable"),
        (TimedOut("x"), UpstreamTimeout, "provider_timeout"),
        (Cut("x"), UpstreamFailed, "stream_cut"),
        (Unreadable("x"), UpstreamFailed, "provider_error"),
        (ValueError("x"), UpstreamFailed, "provider_error"),
    ],
)
def test_what_goes_wrong_below(error: Exception, kind: type[HearthsideError], code: str) -> None:
    named = from_transport(ENDPOINT, error)
    assert isinstance(named, kind)
    assert named.code == code
