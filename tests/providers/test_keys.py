"""Provider keys at rest."""

import pytest

from hearthside.kit.secret import Secret
from hearthside.providers.keys import ProviderKeys, UnreadableKey

KEY, OTHER = bytes(range(32)), bytes(32)
SECRET = Secret("sk-something-secret")


def test_a_key_comes_back() -> None:
    stored = ProviderKeys(KEY).encrypt(SECRET, user_id=7, provider_id="openai")
    assert stored.startswith("v1.")
    assert SECRET.reveal() not in stored
    assert ProviderKeys(KEY).decrypt(stored, user_id=7, provider_id="openai") == SECRET


def test_the_same_key_is_never_stored_the_same() -> None:
    keys = ProviderKeys(KEY)
    assert len({keys.encrypt(SECRET, user_id=7, provider_id="openai") for _ in range(20)}) == 20


@pytest.mark.parametrize(("user_id", "provider_id"), [(8, "openai"), (7, "groq")])
def test_a_key_moved_to_another_row_does_not_open(user_id: int, provider_id: str) -> None:
    keys = ProviderKeys(KEY)
    stored = keys.encrypt(SECRET, user_id=7, provider_id="openai")
    with pytest.raises(UnreadableKey):
        keys.decrypt(stored, user_id=user_id, provider_id=provider_id)


def test_another_master_key_does_not_open_it() -> None:
    stored = ProviderKeys(KEY).encrypt(SECRET, user_id=7, provider_id="openai")
    with pytest.raises(UnreadableKey, match="master key"):
        ProviderKeys(OTHER).decrypt(stored, user_id=7, provider_id="openai")


def test_an_older_master_key_still_opens_it() -> None:
    stored = ProviderKeys(OTHER).encrypt(SECRET, user_id=7, provider_id="openai")
    keys = ProviderKeys(KEY, older=[OTHER])
    assert not keys.is_current(stored)
    assert keys.decrypt(stored, user_id=7, provider_id="openai") == SECRET
    assert keys.is_current(keys.encrypt(SECRET, user_id=7, provider_id="openai"))


@pytest.mark.parametrize(
    "damage", [lambda s: s[:-4] + "AAAA", lambda s: s[:20], lambda s: "v2" + s[2:], lambda s: "", lambda s: s + "ü"]
)
def test_damage_is_noticed(damage: object) -> None:
    keys = ProviderKeys(KEY)
    stored = keys.encrypt(SECRET, user_id=7, provider_id="openai")
    assert callable(damage)
    with pytest.raises(UnreadableKey):
        keys.decrypt(damage(stored), user_id=7, provider_id="openai")


def test_a_short_master_key_is_refused() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        ProviderKeys(b"short")
