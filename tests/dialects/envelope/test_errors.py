import pytest

from hearthside.dialects.envelope.errors import to_response
from hearthside.dialects.errors import InternalError, Malformed, MethodNotAllowed
from hearthside.kit import errors as kinds
from hearthside.kit.errors import FieldProblem, HearthsideError
from tests.dialects.envelope.samples import body_of

STATUS = {
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


async def worded(error: HearthsideError) -> tuple[int, dict[str, object]]:
    status, body = await body_of(to_response(error, "r1"))
    assert (body["success"], body["data"]) == (False, None)
    return status, body["error"]


@pytest.mark.parametrize(("kind", "status"), STATUS.items())
async def test_every_kind_has_a_status(kind: type[HearthsideError], status: int) -> None:
    assert await worded(kind("What was wrong.")) == (status, {"message": "What was wrong."})


async def test_a_subclass_is_worded_like_its_kind() -> None:
    class Refused(kinds.Forbidden):
        pass

    assert (await worded(Refused("no")))[0] == 403


@pytest.mark.parametrize(
    "error",
    [
        kinds.Unavailable("down", code="provider_unreachable"),
        kinds.Unavailable("busy", code="provider_overloaded"),
        kinds.RateLimited("slower", code="provider_rate_limited"),
    ],
)
async def test_a_providers_trouble_is_not_ours(error: HearthsideError) -> None:
    assert (await worded(error))[0] == 502


async def test_wrong_fields_bear_the_names_of_the_document() -> None:
    problems = [
        FieldProblem("body.base_url", "must be an address"),
        FieldProblem("body.settings.max_tokens", "must be a number"),
        FieldProblem("title", "is too long"),
        FieldProblem("body", "must be an object"),
    ]
    assert await worded(kinds.Invalid("Wrong.", fields=problems)) == (
        400,
        {
            "message": "Validation failed",
            "fields": {
                "baseUrl": "must be an address",
                "settings.maxTokens": "must be a number",
                "title": "is too long",
                "body": "must be an object",
            },
        },
    )


async def test_what_a_client_called_its_fields_stays() -> None:
    problems = [FieldProblem("body.api_key", "not permitted"), FieldProblem("query.limit", "too large")]
    _, error = await worded(Malformed("Wrong.", fields=problems))
    assert error["fields"] == {"api_key": "not permitted", "limit": "too large"}


async def test_two_problems_of_one_field_are_both_told() -> None:
    problems = [FieldProblem("body.title", "too long"), FieldProblem("body.title", "not a text")]
    _, error = await worded(kinds.Invalid("Wrong.", fields=problems))
    assert error["fields"] == {"title": "too long; not a text"}
