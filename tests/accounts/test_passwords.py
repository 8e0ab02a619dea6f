"""Argon2id as it runs in a server. The other tests use a quick stand-in."""

import asyncio
from collections.abc import Generator

import pytest

from hearthside.accounts.passwords import NOBODYS_HASH, Argon2Hasher
from hearthside.kit.errors import Unavailable

FORM = "$argon2id$v=19$m=19456,t=2,p=1$"


@pytest.fixture
def hasher() -> Generator[Argon2Hasher]:
    hasher = Argon2Hasher()
    yield hasher
    hasher.close()


async def test_a_password_fits_its_own_hash_alone(hasher: Argon2Hasher) -> None:
    hashed = await hasher.hash("correct horse")
    assert await hasher.verify("correct horse", hashed)
    assert not await hasher.verify("correct horsf", hashed)
    assert hashed != await hasher.hash("correct horse")


async def test_nobodys_hash_costs_what_a_real_one_costs(hasher: Argon2Hasher) -> None:
    """Same parameters, same lengths of salt and digest: the same work. A malformed one would be refused for nothing."""
    real = await hasher.hash("correct horse")
    assert real.startswith(FORM)
    assert NOBODYS_HASH.startswith(FORM)
    assert [len(part) for part in real.split("$")] == [len(part) for part in NOBODYS_HASH.split("$")]
    assert not await hasher.verify("correct horse", NOBODYS_HASH)


async def test_odd_texts_are_passwords_too(hasher: Argon2Hasher) -> None:
    for password in ("\ud800", "nul\x00inside", "x" * 1024):
        hashed = await hasher.hash(password)
        assert await hasher.verify(password, hashed)
        assert not await hasher.verify(password + "!", hashed)


async def test_a_crowd_is_turned_away_instead_of_queueing_for_ever() -> None:
    hasher = Argon2Hasher(most_waiting=3)
    results = await asyncio.gather(*(hasher.hash("correct horse") for _ in range(5)), return_exceptions=True)
    assert [isinstance(result, Unavailable) for result in results] == [False, False, False, True, True]
    assert await hasher.hash("correct horse")
    hasher.close()
