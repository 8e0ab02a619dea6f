"""Changing the master key in the data folder: whatever moment it is broken off at, both keys are there."""

import base64
import contextlib
from pathlib import Path

import pytest
from pydantic import SecretStr

from hearthside.kit.keys import MasterKey, MasterKeys


def setting(fill: int) -> SecretStr:
    return SecretStr(base64.b64encode(bytes([fill]) * 32).decode())


def derived(fill: int) -> bytes:
    return MasterKey(bytes([fill]) * 32).derive("x")


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_there_is_one_key_at_first(tmp_path: Path) -> None:
    keys = MasterKeys(tmp_path)
    assert keys.previous() is None
    assert keys.derived("x") == (keys.present().derive("x"),)


def test_a_new_key_and_the_old_one_beside_it_until_the_end(tmp_path: Path) -> None:
    keys = MasterKeys(tmp_path)
    (old,) = keys.derived("x")
    elsewhere = MasterKeys(tmp_path)
    with keys.rotating():
        new, previous = keys.derived("x")
        assert previous == old
        assert new != old
        assert elsewhere.derived("x") == (new, old), "a running server sees it"
        assert [(tmp_path / name).stat().st_mode & 0o777 for name in names(tmp_path)] == [0o600] * 2
    assert elsewhere.derived("x") == (new,)
    assert names(tmp_path) == ["master.key"]
    assert MasterKey.load(None, tmp_path).derive("x") == new


def test_broken_off_it_goes_on_with_the_same_keys(tmp_path: Path) -> None:
    keys = MasterKeys(tmp_path)
    with contextlib.suppress(RuntimeError), keys.rotating():
        both = keys.derived("x")
        raise RuntimeError
    assert MasterKeys(tmp_path).derived("x") == both
    with MasterKeys(tmp_path).rotating():
        assert keys.derived("x") == both
    assert keys.derived("x") == both[:1]


def test_broken_off_before_there_was_a_new_key(tmp_path: Path) -> None:
    """The one moment that the other test cannot reach: the old key has its second name, and nothing else is done."""
    keys = MasterKeys(tmp_path)
    (old,) = keys.derived("x")
    (tmp_path / "master.key.previous").hardlink_to(tmp_path / "master.key")
    assert keys.derived("x") == (old, old)
    with keys.rotating():
        new, previous = keys.derived("x")
        assert (previous, new != old) == (old, True)


def test_only_one_changes_it_at_a_time(tmp_path: Path) -> None:
    keys = MasterKeys(tmp_path)
    with keys.rotating():
        both = keys.derived("x")
        with pytest.raises(ValueError, match="another process"), MasterKeys(tmp_path).rotating():
            pytest.fail("two at once")
        assert keys.derived("x") == both


def test_a_key_in_the_settings_is_for_people_to_change(tmp_path: Path) -> None:
    with (
        pytest.raises(ValueError, match="HEARTHSIDE_PREVIOUS_MASTER_KEY"),
        MasterKeys(tmp_path, setting=setting(1)).rotating(),
    ):
        pytest.fail("nothing can be changed here")
    assert names(tmp_path) == []


def test_both_keys_in_the_settings(tmp_path: Path) -> None:
    keys = MasterKeys(tmp_path, setting=setting(2), previous_setting=setting(1))
    with keys.rotating():
        assert keys.derived("x") == (derived(2), derived(1))
    assert keys.derived("x") == (derived(2), derived(1)), "whoever set them takes them away"
    assert keys.is_previous_set
    assert names(tmp_path) == []


def test_from_the_settings_into_the_file(tmp_path: Path) -> None:
    keys = MasterKeys(tmp_path, previous_setting=setting(1))
    present = MasterKey.load(None, tmp_path).derive("x")
    with keys.rotating():
        assert keys.derived("x") == (present, derived(1))
    assert MasterKey.load(None, tmp_path).derive("x") == present


def test_a_file_that_is_gone_is_not_made_anew_under_a_running_server(tmp_path: Path) -> None:
    keys = MasterKeys(tmp_path)
    (tmp_path / "master.key").unlink()
    with pytest.raises(FileNotFoundError):
        keys.present()
    assert names(tmp_path) == []


def test_a_damaged_previous_key_is_named(tmp_path: Path) -> None:
    keys = MasterKeys(tmp_path)
    (tmp_path / "master.key.previous").write_text("damaged")
    with pytest.raises(ValueError, match=r"the file master\.key\.previous in the data folder") as caught:
        keys.derived("x")
    assert str(tmp_path) not in str(caught.value)
