"""The master key: where it comes from, and what is derived from it."""

import base64
import logging
import threading
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from pydantic import SecretStr

from hearthside.kit.keys import MasterKey

KEY = bytes(range(224, 256))  # its base64 holds both characters in which the two alphabets differ


def test_a_derived_key_is_that_of_rfc_5869() -> None:
    expected = HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=b"hearthside/purpose").derive(KEY)
    assert MasterKey(KEY).derive("purpose") == expected


def test_each_purpose_and_each_master_has_keys_of_its_own() -> None:
    one, other = MasterKey(KEY), MasterKey(bytes(32))
    assert len({key.derive(purpose) for key in (one, other) for purpose in ("a", "b")}) == 4


@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
@pytest.mark.parametrize("strip", ["", "="])
def test_the_setting_wins_in_any_spelling_of_base64(tmp_path: Path, encode: object, strip: str) -> None:
    assert callable(encode)
    text = encode(KEY).decode().rstrip(strip) + "\n"
    assert MasterKey.load(SecretStr(text), tmp_path).derive("x") == MasterKey(KEY).derive("x")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("text", ["", "short", base64.b64encode(bytes(31)).decode(), "é" * 44, "\0" * 44])
def test_a_wrong_key_is_refused_without_being_shown(tmp_path: Path, text: str) -> None:
    with pytest.raises(ValueError, match="HEARTHSIDE_MASTER_KEY must hold 32 bytes") as caught:
        MasterKey.load(SecretStr(text), tmp_path)
    assert not text or text not in str(caught.value)


def test_the_first_start_makes_a_private_file_and_later_ones_read_it(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    first = MasterKey.load(None, folder)
    (file,) = folder.iterdir()
    assert file.name == "master.key"
    assert file.stat().st_mode & 0o777 == 0o600
    assert folder.stat().st_mode & 0o777 == 0o700
    assert MasterKey.load(None, folder).derive("x") == first.derive("x")
    assert MasterKey.load(None, tmp_path / "elsewhere").derive("x") != first.derive("x")


def test_processes_that_start_at_once_agree(tmp_path: Path) -> None:
    keys: list[bytes] = []
    barrier = threading.Barrier(8)

    def start() -> None:
        barrier.wait()
        keys.append(MasterKey.load(None, tmp_path).derive("x"))

    threads = [threading.Thread(target=start) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(keys) == 8
    assert len(set(keys)) == 1
    assert [file.name for file in tmp_path.iterdir()] == ["master.key"]


def test_a_file_that_others_could_read_is_made_private(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    MasterKey.load(None, tmp_path)
    file = tmp_path / "master.key"
    file.chmod(0o644)
    with caplog.at_level(logging.WARNING):
        MasterKey.load(None, tmp_path)
    assert file.stat().st_mode & 0o777 == 0o600
    assert "master.key" in caplog.text


@pytest.mark.parametrize("content", [b"", b"damaged", b"\xff" * 44])
def test_a_damaged_file_is_never_replaced(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "master.key"
    file.write_bytes(content)
    with pytest.raises(ValueError, match=r"the file master\.key in the data folder") as caught:
        MasterKey.load(None, tmp_path)
    assert str(tmp_path) not in str(caught.value)
    assert file.read_bytes() == content


def test_a_master_key_does_not_show_itself() -> None:
    assert repr(MasterKey(KEY)) == str(MasterKey(KEY)) == "MasterKey(***)"
