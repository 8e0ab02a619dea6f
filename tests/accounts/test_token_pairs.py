"""Access and refresh tokens: rotation, reuse, and tokens that somebody else made."""

import asyncio
import base64
import json
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa
from joserfc import jwt
from joserfc.jwk import OctKey

from hearthside.accounts.model import Action, TokenPair, UserStatus
from hearthside.accounts.session_store import refresh_token
from hearthside.kit.errors import Unauthenticated
from hearthside.kit.ids import digest
from tests.accounts.house import HOME, PASSWORD, House


async def pair_of(house: House, name: str = "ada") -> TokenPair:
    await house.user(name)
    return await house.accounts.issue_tokens(name, PASSWORD, origin=HOME)


async def renewed(house: House, token: str) -> TokenPair:
    return await house.accounts.refresh(token, origin=HOME)


async def refused(house: House, token: str) -> str:
    with pytest.raises(Unauthenticated) as caught:
        await renewed(house, token)
    return caught.value.code


async def test_a_refresh_token_is_exchanged_for_another(house: House) -> None:
    first = await pair_of(house)
    second = await renewed(house, first.refresh_token)
    third = await renewed(house, second.refresh_token)
    assert len({pair.refresh_token for pair in (first, second, third)}) == 3
    assert {pair.session.uid for pair in (first, second, third)} == {first.session.uid}
    assert (await house.by_token(third.access_token)).user_id == first.user.id


async def test_twenty_refreshes_at_once_with_one_token_make_one_child(house: House) -> None:
    first = await pair_of(house)
    pairs = await asyncio.gather(*(renewed(house, first.refresh_token) for _ in range(20)))
    assert len({pair.refresh_token for pair in pairs}) == 1
    async with house.database.read() as connection:
        hashes = set((await connection.execute(sa.select(refresh_token.c.token_hash))).scalars())
    assert hashes == {digest(first.refresh_token), digest(pairs[0].refresh_token)}
    await renewed(house, pairs[0].refresh_token)


async def test_a_lost_answer_may_be_asked_for_again_for_ten_seconds(house: House) -> None:
    first = await pair_of(house)
    second = await renewed(house, first.refresh_token)
    house.clock.advance(10)
    assert (await renewed(house, first.refresh_token)).refresh_token == second.refresh_token


async def test_reuse_after_ten_seconds_ends_the_family(house: House) -> None:
    first = await pair_of(house)
    second = await renewed(house, first.refresh_token)
    await house.by_token(second.access_token)
    house.clock.advance(10.001)
    assert await refused(house, first.refresh_token) == "session_expired"
    assert await refused(house, second.refresh_token) == "session_expired"
    with pytest.raises(Unauthenticated):
        await house.by_token(second.access_token)


async def test_reuse_of_an_older_token_ends_the_family_even_within_ten_seconds(house: House) -> None:
    first = await pair_of(house)
    second = await renewed(house, first.refresh_token)
    third = await renewed(house, second.refresh_token)
    await refused(house, first.refresh_token)
    assert await refused(house, third.refresh_token) == "session_expired"


async def test_reuse_ends_one_family_and_is_on_record(house: House) -> None:
    first = await pair_of(house)
    elsewhere = await house.accounts.issue_tokens("ada", PASSWORD, origin=HOME)
    await renewed(house, first.refresh_token)
    house.clock.advance(11)
    await refused(house, first.refresh_token)
    await renewed(house, elsewhere.refresh_token)
    _, admin = await house.signed_in("root", admin=True)
    entries = await house.accounts.audit(admin, before_id=None, limit=100)
    assert [entry.target for entry in entries if entry.action == Action.REFRESH_REUSED] == [first.session.uid]


async def test_an_unknown_refresh_token_is_refused(house: House) -> None:
    first = await pair_of(house)
    for token in ("", "hsr_", "hsr_" + "A" * 43, first.refresh_token[:-1], "\ud800", "x" * 100_000):
        assert await refused(house, token) == "auth_required"
    await renewed(house, first.refresh_token)


async def test_a_child_cannot_be_made_without_the_servers_key(build: Callable[..., House]) -> None:
    house = build()
    foreign = build(keys=type(house.keys)(b"\x01" * 32))
    first = await pair_of(house)
    await renewed(house, first.refresh_token)
    assert await refused(house, foreign.secrets.child_of(first.refresh_token)) == "auth_required"


async def test_signing_out_and_disabling_end_the_family(house: House) -> None:
    first = await pair_of(house)
    await house.accounts.sign_out(await house.by_token(first.access_token))
    assert await refused(house, first.refresh_token) == "session_expired"
    second = await house.accounts.issue_tokens("ada", PASSWORD, origin=HOME)
    _, admin = await house.signed_in("root", admin=True)
    await house.accounts.update_user(admin, first.user.id, status=UserStatus.DISABLED)
    assert await refused(house, second.refresh_token) == "user_inactive"


async def test_a_family_ends_when_it_is_left_alone_or_is_a_week_old(house: House) -> None:
    lonely = await pair_of(house, "lonely")
    busy = await pair_of(house, "busy")
    for _ in range(3):
        house.clock.advance(2 * 86_400)
        busy = await renewed(house, busy.refresh_token)
    assert await refused(house, lonely.refresh_token) == "session_expired"
    house.clock.advance(86_400)
    assert await refused(house, busy.refresh_token) == "session_expired"


async def test_an_access_token_lives_an_hour(house: House) -> None:
    first = await pair_of(house)
    assert first.expires_in_seconds == 3600
    house.clock.advance(3599)
    await house.by_token(first.access_token)
    house.clock.advance(1)
    with pytest.raises(Unauthenticated) as caught:
        await house.by_token(first.access_token)
    assert caught.value.code == "session_expired"


async def test_an_access_token_does_not_outlive_its_session(house: House) -> None:
    pair = await pair_of(house)
    for seconds in (2 * 86_400, 2 * 86_400, 3 * 86_400 - 60):
        house.clock.advance(seconds)
        pair = await renewed(house, pair.refresh_token)
    assert pair.expires_in_seconds == 60


def claims_of(token: str) -> dict[str, Any]:
    payload = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))


def part(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


async def test_the_claims_are_those_of_a_pointer_to_a_session(house: House) -> None:
    pair = await pair_of(house)
    issued_at = int(house.clock.now().timestamp())
    assert claims_of(pair.access_token) == {
        "iss": "hearthside",
        "aud": "hearthside",
        "typ": "access",
        "sub": pair.user.uid,
        "sid": pair.session.uid,
        "iat": issued_at,
        "exp": issued_at + 3600,
    }


WRONG_CLAIMS: list[dict[str, Any]] = [
    {"aud": "another"},
    {"iss": "another"},
    {"typ": "refresh"},
    {"aud": ["hearthside", "another"]},
    {"exp": None},
    {"exp": "9999999999"},
    {"sid": 1},
    {"sub": None},
    {"sub": "0190a5f0-0000-7000-8000-000000000000"},
    {"sid": "0190a5f0-0000-7000-8000-000000000000"},
]


async def test_a_token_of_ours_with_another_claim_is_refused(house: House) -> None:
    pair = await pair_of(house)
    claims, key = claims_of(pair.access_token), OctKey.import_key(house.keys.derive("access-tokens"))
    await house.by_token(jwt.encode({"alg": "HS256"}, claims, key))  # so only the claim is wrong below
    for change in WRONG_CLAIMS:
        with pytest.raises(Unauthenticated):
            await house.by_token(jwt.encode({"alg": "HS256"}, claims | change, key))


async def test_a_token_signed_in_another_way_is_refused(house: House) -> None:
    pair = await pair_of(house)
    claims, signature = claims_of(pair.access_token), pair.access_token.split(".")[2]
    secret = house.keys.derive("access-tokens")
    forgeries = [
        f"{part({'alg': 'none'})}.{part(claims)}.",
        f"{part({'alg': 'none'})}.{part(claims)}.{signature}",
        f"{part({'alg': 'HS256'})}.{part(claims | {'sub': 'x'})}.{signature}",
        jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(bytes(32))),
        jwt.encode({"alg": "HS512"}, claims, OctKey.import_key(secret * 2), algorithms=["HS512"]),
        jwt.encode({"alg": "HS384"}, claims, OctKey.import_key(secret), algorithms=["HS384"]),
        pair.access_token + "A",
        pair.access_token.rpartition(".")[0],
        "..",
        "a.b.c",
        "\ud800.é.c",
        "A" * 100_000,
    ]
    for forgery in forgeries:
        with pytest.raises(Unauthenticated) as caught:
            await house.by_token(forgery)
        assert caught.value.code == "auth_required", forgery
