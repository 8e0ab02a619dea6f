"""Errors as document 1 words them: `{success: false, data: null, error: {message}, metadata}`, and `error.fields`."""

from collections.abc import Iterable, Mapping
from typing import Any

from starlette.responses import Response

from hearthside.dialects.envelope.answers import Enveloped
from hearthside.dialects.errors import InternalError, Malformed, MethodNotAllowed
from hearthside.kit import errors as kinds
from hearthside.kit.errors import FieldProblem, HearthsideError

STATUS: dict[type[HearthsideError], int] = {
    kinds.Invalid: 400,
    kinds.Unauthenticated: 401,
    kinds.Forbidden: 403,
    kinds.NotFound: 404,
    MethodNotAllowed: 405,
    kinds.Conflict: 409,
    kinds.TooLarge: 413,
    kinds.RateLimited: 429,
    kinds.QuotaExceeded: 429,
    InternalError: 500,
    kinds.UpstreamFailed: 502,
    kinds.UpstreamTimeout: 502,
    kinds.Unavailable: 503,
    kinds.StorageFull: 507,
}

# A provider that is down, or that asks us to slow down, failed like any other; the client itself did nothing too often.
PROVIDER_FAILURES = frozenset({"provider_unreachable", "provider_overloaded", "provider_rate_limited"})

# The core's names of fields that this dialect calls otherwise.
NAMES = {
    "api_key": "apiKey",
    "base_url": "baseUrl",
    "display_name": "displayName",
    "is_active": "isActive",
    "max_tokens": "maxTokens",
    "system_prompt": "systemPrompt",
    "top_p": "topP",
}


def to_response(error: HearthsideError, request_id: str) -> Response:  # noqa: ARG001 - the answer stamps it itself
    problem: dict[str, Any] = {"message": error.message}
    if error.fields:
        names = {} if isinstance(error, Malformed) else NAMES
        problem = {"message": "Validation failed", "fields": to_fields(error.fields, names)}
    return Enveloped({"success": False, "data": None, "error": problem}, _status(error))


def to_fields(problems: Iterable[FieldProblem], names: Mapping[str, str]) -> dict[str, str]:
    """`{"model_config.temperature": "…"}`: a field by its path in the body or its name in the query."""
    fields: dict[str, str] = {}
    for problem in problems:
        name = _name(problem.where, names)
        fields[name] = f"{fields[name]}; {problem.message}" if name in fields else problem.message
    return fields


def _name(where: str, names: Mapping[str, str]) -> str:
    place, _, rest = where.partition(".")
    parts = (rest if place in {"body", "query", "path", "header"} and rest else where).split(".")
    return ".".join(names.get(part, part) for part in parts)


def _status(error: HearthsideError) -> int:
    if error.code in PROVIDER_FAILURES:
        return 502
    return next((STATUS[kind] for kind in type(error).__mro__ if kind in STATUS), 500)
