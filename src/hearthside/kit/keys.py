"""The master key: the one secret of a server, from which every other key of it is derived.

It lives in the setting HEARTHSIDE_MASTER_KEY, or in `master.key` (mode 0600) in the data folder, made at first start.
It is never in the database nor in a backup: whoever holds both could read the stored provider keys.
"""

import base64
import binascii
import contextlib
import hashlib
import hmac
import logging
import os
import secrets
from pathlib import Path
from typing import final

from pydantic import SecretStr

KEY_BYTES = 32
FILE_NAME = "master.key"

logger = logging.getLogger(__name__)


@final
class MasterKey:
    __slots__ = ("_key",)

    def __init__(self, key: bytes) -> None:
        if len(key) != KEY_BYTES:
            raise ValueError(f"the master key must be {KEY_BYTES} bytes")
        self._key = key

    @classmethod
    def load(cls, setting: SecretStr | None, data_dir: Path) -> "MasterKey":
        """The key of the setting, else of the file, which is made where it is missing.

        Errors: ValueError, in words for people, when either does not hold 32 bytes in base64.
        """
        if setting is not None:
            return cls(_decode(setting.get_secret_value(), "HEARTHSIDE_MASTER_KEY"))
        path = data_dir / FILE_NAME
        if not path.exists():
            _create(path)
        _keep_private(path)
        return cls(_decode(path.read_text("ascii", errors="replace"), f"the file {FILE_NAME} in the data folder"))

    def derive(self, purpose: str) -> bytes:
        """32 bytes that belong to `purpose` alone: HKDF-SHA256 (RFC 5869), no salt, `purpose` as the info.

        Knowing one derived key tells nothing about another. A purpose, once used, must never be renamed.
        """
        extracted = hmac.digest(bytes(hashlib.sha256().digest_size), self._key, "sha256")
        # The output is one block of SHA-256 long, so the expand step of the RFC has a single round.
        return hmac.digest(extracted, b"hearthside/" + purpose.encode() + b"\x01", "sha256")

    def __repr__(self) -> str:
        return "MasterKey(***)"


def _decode(text: str, where: str) -> bytes:
    """Standard and URL-safe base64, with and without the padding."""
    plain = text.strip().rstrip("=").replace("-", "+").replace("_", "/")
    try:
        key = base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != KEY_BYTES:
        raise ValueError(f"{where} must hold {KEY_BYTES} bytes in base64 (make one with: openssl rand -base64 32)")
    return key


def _create(path: Path) -> None:
    """Makes the file whole or not at all; where two processes start at once, the first one's key counts."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_name(f".{FILE_NAME}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(base64.b64encode(secrets.token_bytes(KEY_BYTES)) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
    finally:
        draft.unlink()
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    """A key that is lost in a power failure takes every stored provider key with it."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _keep_private(path: Path) -> None:
    if path.stat().st_mode & 0o077:
        logger.warning("%s could be read by other users of this machine; its mode is now 0600", FILE_NAME)
        path.chmod(0o600)
