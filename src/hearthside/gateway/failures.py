"""A provider's failures as the core's errors, in words that name the provider.

    code                     kind              another try may help
    provider_unreachable     Unavailable       yes
    provider_overloaded      Unavailable       yes
    provider_rate_limited    RateLimited       after retry_after_seconds
    provider_error           UpstreamFailed    if it is the provider's own fault (ServerFault)
    provider_timeout         UpstreamTimeout   no: it has cost a minute already
    provider_auth            UpstreamFailed    no
    provider_quota           UpstreamFailed    no
    stream_cut               UpstreamFailed    no: part of the reply is with the reader
    model_not_found          Invalid           no
    context_too_long         Invalid           no
    content_refused          Invalid           no

Error bodies are never passed on; the provider's own sentence is quoted once it is cleaned.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from hearthside.gateway.problems import Problem, cleaned, read_problem
from hearthside.kit.errors import HearthsideError, Invalid, RateLimited, Unavailable, UpstreamFailed, UpstreamTimeout
from hearthside.kit.exchange import Cut, TimedOut, Unreachable
from hearthside.providers.model import Endpoint


class ServerFault(UpstreamFailed):
    """A failure that is the provider's own (5xx) and may be gone at the next try."""


def is_transient(error: HearthsideError) -> bool:
    """Whether the same request, sent again, may succeed."""
    return isinstance(error, (Unavailable, RateLimited, ServerFault))


_KINDS: Mapping[str, tuple[type[HearthsideError], str]] = {
    "provider_unreachable": (
        Unavailable,
        "{name} cannot be reached. Check that it runs and that its address is right.",
    ),
    "provider_overloaded": (Unavailable, "{name} is overloaded just now. Try again in a moment."),
    "provider_rate_limited": (RateLimited, "{name} asks to slow down. Try again later."),
    "provider_timeout": (UpstreamTimeout, "{name} did not answer in time."),
    "provider_auth": (UpstreamFailed, "{name} refused the API key. Check the key in the provider's settings."),
    "provider_quota": (UpstreamFailed, "The account at {name} has no credit left, or its quota is spent."),
    "model_not_found": (Invalid, "{name} does not know this model. Choose one from its list."),
    "context_too_long": (Invalid, "The conversation is longer than the model at {name} can read."),
    "content_refused": (Invalid, "{name} refused the content of the request."),
    "stream_cut": (UpstreamFailed, "{name} broke off in the middle of its answer."),
    "provider_error": (UpstreamFailed, "{name} could not handle the request."),
}


def failure(
    code: str, endpoint: Endpoint, *, said: str = "", retry_after_seconds: float | None = None, own_fault: bool = False
) -> HearthsideError:
    """The error of `code`. `said` is the provider's own sentence, quoted after cleaning."""
    kind, sentence = _KINDS[code]
    if own_fault and code == "provider_error":
        kind, sentence = ServerFault, "{name} had an error of its own."
    message = sentence.format(name=endpoint.name)
    quote = cleaned(said, secret=endpoint.api_key.reveal() if endpoint.api_key else "")
    if quote:
        message = f"{message} It said: {quote}"
    return kind(message, code=code, retry_after_seconds=retry_after_seconds)


def from_answer(
    endpoint: Endpoint, status: int, headers: Mapping[str, str], body: bytes, *, now: datetime
) -> HearthsideError:
    """For an answer whose status is not 2xx."""
    if 300 <= status < 400:
        return failure("provider_error", endpoint, said="a redirect, which is not followed: use the final address")
    problem = read_problem(body)
    wait = retry_after(headers, now=now)
    return _classified(endpoint, status, problem, problem.retry_after_seconds if wait is None else wait)


def from_problem(endpoint: Endpoint, problem: Problem) -> HearthsideError:
    """For an error object that came inside an answer of status 200."""
    return _classified(endpoint, problem.status or 500, problem, problem.retry_after_seconds)


def from_transport(endpoint: Endpoint, error: Exception) -> HearthsideError:
    """For what went wrong below HTTP, and for answers that nobody can read."""
    match error:
        case Unreachable():
            return failure("provider_unreachable", endpoint)
        case TimedOut():
            return failure("provider_timeout", endpoint)
        case Cut():
            return failure("stream_cut", endpoint)
        case _:
            return failure("provider_error", endpoint, said="an answer that is not in its own protocol")


def _classified(endpoint: Endpoint, status: int, problem: Problem, wait: float | None) -> HearthsideError:
    code = _by_word(problem) or _by_phrase(status, problem) or _by_status(status)
    if code not in ("provider_rate_limited", "provider_overloaded"):
        wait = None
    return failure(code, endpoint, said=problem.message, retry_after_seconds=wait, own_fault=status >= 500)


_WORDS: Mapping[str, str] = {
    # OpenAI and its kin
    "context_length_exceeded": "context_too_long",
    "exceed_context_size_error": "context_too_long",
    "string_above_max_length": "context_too_long",
    "model_not_found": "model_not_found",
    "content_policy_violation": "content_refused",
    "content_filter": "content_refused",
    "insufficient_quota": "provider_quota",
    "invalid_api_key": "provider_auth",
    "rate_limit_exceeded": "provider_rate_limited",
    "server_overloaded": "provider_overloaded",
    # Anthropic
    "authentication_error": "provider_auth",
    "permission_error": "provider_auth",
    "billing_error": "provider_quota",
    "request_too_large": "context_too_long",
    "rate_limit_error": "provider_rate_limited",
    "overloaded_error": "provider_overloaded",
    "timeout_error": "provider_timeout",
    # Google
    "api_key_invalid": "provider_auth",
    "unauthenticated": "provider_auth",
    "permission_denied": "provider_auth",
    "resource_exhausted": "provider_rate_limited",
    "unavailable": "provider_overloaded",
    "deadline_exceeded": "provider_timeout",
}

_PHRASES = (
    (
        re.compile(
            r"context.?(length|window|size)|maximum (context|prompt) length|(prompt|input) is too long"
            r"|input token count|max_new_tokens|reduce the length|longer than the model",
            re.IGNORECASE,
        ),
        "context_too_long",
    ),
    (
        re.compile(
            r"\bmodels?\b.{0,160}(not found|does not exist|not exist|unknown|not supported for)"
            r"|(invalid|no such|unknown) model",
            re.IGNORECASE,
        ),
        "model_not_found",
    ),
    (re.compile(r"content (policy|filter)|safety system|moderation|flagged", re.IGNORECASE), "content_refused"),
    (re.compile(r"credit balance|insufficient (credits|balance|funds)|billing", re.IGNORECASE), "provider_quota"),
    (re.compile(r"api key", re.IGNORECASE), "provider_auth"),
)

_STATUSES: Mapping[int, str] = {
    401: "provider_auth",
    402: "provider_quota",
    403: "provider_auth",
    408: "provider_timeout",
    413: "context_too_long",
    429: "provider_rate_limited",
    503: "provider_overloaded",
    504: "provider_timeout",
    524: "provider_timeout",
    529: "provider_overloaded",
}


def _by_word(problem: Problem) -> str | None:
    return next((code for word, code in _WORDS.items() if word in problem.codes), None)


def _by_phrase(status: int, problem: Problem) -> str | None:
    """Only where the status says too little: a 429 that mentions the context is still a 429."""
    if status not in (400, 403, 404, 422, 500):
        return None
    return next((code for phrase, code in _PHRASES if phrase.search(problem.message)), None)


def _by_status(status: int) -> str:
    return _STATUSES.get(status, "provider_error")


def retry_after(headers: Mapping[str, str], *, now: datetime) -> float | None:
    """Seconds to wait: `retry-after-ms` (OpenAI), or Retry-After as seconds or as an HTTP date (RFC 9110 §10.2.3)."""
    milliseconds = _seconds(headers.get("retry-after-ms", ""))
    if milliseconds is not None:
        return milliseconds / 1000
    text = headers.get("retry-after", "").strip()
    seconds = _seconds(text)
    return _until(text, now) if seconds is None else seconds


def _seconds(text: str) -> float | None:
    return float(text) if re.fullmatch(r"\d{1,9}(\.\d{1,9})?", text.strip()) else None


def _until(text: str, now: datetime) -> float | None:
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - now).total_seconds())
