"""The master key: the one secret of a server, from which every other key of it is derived.

It lives in the setting HEARTHSIDE_MASTER_KEY, or in `master.key` (mode 0600) in the data folder, made at first start.
It is never in the database nor in a backup: whoever holds both could read the stored provider keys.

While it is being changed there are two: the present one, and the previous one in HEARTHSIDE_PREVIOUS_MASTER_KEY or
`master.key.previous`, which stays until nothing is encrypted with it any more.
"""

import base64
import binascii
import contextlib
import fcntl
import hashlib
import hmac
import logging
import os
import secrets
from collections.abc import Generator
from pathlib import Path
from typing import final

from pydantic import SecretStr

KEY_BYTES = 32
FILE_NAME = "master.key"
PREVIOUS_NAME = "master.key.previous"

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
        return cls(_decode(path.read_text("ascii", errors="replace"), _THE_FILE))

    def derive(self, purpose: str) -> bytes:
        """32 bytes that belong to `purpose` alone: HKDF-SHA256 (RFC 5869), no salt, `purpose` as the info.

        Knowing one derived key tells nothing about another. A purpose, once used, must never be renamed.
        """
        extracted = hmac.digest(bytes(hashlib.sha256().digest_size), self._key, "sha256")
        # The output is one block of SHA-256 long, so the expand step of the RFC has a single round.
        return hmac.digest(extracted, b"hearthside/" + purpose.encode() + b"\x01", "sha256")

    def __repr__(self) -> str:
        return "MasterKey(***)"


@final
class MasterKeys:
    """The present master key, and the previous one while there is one.

    Both are read anew whenever they are asked for: the command line changes the files beside a running server.
    """

    def __init__(
        self, data_dir: Path, *, setting: SecretStr | None = None, previous_setting: SecretStr | None = None
    ) -> None:
        """Makes the file where it is missing. Errors: ValueError, as of `MasterKey.load`."""
        self._data_dir = data_dir
        self._setting = setting
        self._previous_setting = previous_setting
        MasterKey.load(setting, data_dir)

    def present(self) -> MasterKey:
        """Errors: ValueError; OSError where the file is gone. No new one is made now: the old would be lost with it."""
        if self._setting is not None:
            return MasterKey.load(self._setting, self._data_dir)
        return MasterKey(_decode(self._file.read_text("ascii", errors="replace"), _THE_FILE))

    def previous(self) -> MasterKey | None:
        """Errors: ValueError."""
        if self._previous_setting is not None:
            return MasterKey(_decode(self._previous_setting.get_secret_value(), "HEARTHSIDE_PREVIOUS_MASTER_KEY"))
        if self._setting is not None:
            return None
        with contextlib.suppress(FileNotFoundError):
            return MasterKey(_decode(self._previous_file.read_text("ascii", errors="replace"), _THE_PREVIOUS_FILE))
        return None

    def derived(self, purpose: str) -> tuple[bytes, ...]:
        """The key of the present one for `purpose`, then that of the previous one if there is one."""
        previous = self.previous()  # first: it is there before the present one changes
        present = self.present()
        return tuple(key.derive(purpose) for key in (present, previous) if key is not None)

    @contextlib.contextmanager
    def rotating(self) -> Generator[None]:
        """Within it there is a new present key, and the one that it replaces is the previous one.

        It goes when the block ends, and stays when the block raises or the process dies: entered once more, this goes
        on with the same two keys. Errors: ValueError, in words for people, where it cannot be.
        """
        with self._alone():
            if self._previous_setting is None:
                self._replace_file()
            yield
            if self._previous_setting is None:
                self._previous_file.unlink()
                _sync_folder(self._data_dir)

    @property
    def is_previous_set(self) -> bool:
        """The previous key comes from the setting, so that only a person can take it away."""
        return self._previous_setting is not None

    def _replace_file(self) -> None:
        """Each step leaves a folder from which everything can be read, and from which the next one goes on."""
        if self._setting is not None:
            raise ValueError(
                "The master key is in HEARTHSIDE_MASTER_KEY, where only you can change it. Move it to "
                "HEARTHSIDE_PREVIOUS_MASTER_KEY, put a new one in its place (openssl rand -base64 32), restart the "
                "servers with both, and run this again."
            )
        with contextlib.suppress(FileExistsError):
            os.link(self._file, self._previous_file)
            _sync_folder(self._data_dir)
        if not self._file.samefile(self._previous_file):
            return  # a rotation that broke off had come this far
        draft = _draft(self._data_dir)
        draft.replace(self._file)
        _sync_folder(self._data_dir)

    @contextlib.contextmanager
    def _alone(self) -> Generator[None]:
        folder = os.open(self._data_dir, os.O_RDONLY)
        try:
            _lock(folder)
            yield
        finally:
            os.close(folder)

    @property
    def _file(self) -> Path:
        return self._data_dir / FILE_NAME

    @property
    def _previous_file(self) -> Path:
        return self._data_dir / PREVIOUS_NAME


_THE_FILE = f"the file {FILE_NAME} in the data folder"
_THE_PREVIOUS_FILE = f"the file {PREVIOUS_NAME} in the data folder"


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
    draft = _draft(path.parent)
    try:
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
    finally:
        draft.unlink()
    _sync_folder(path.parent)


def _draft(folder: Path) -> Path:
    """A file with a new key, on the disk before it gets its name."""
    draft = folder / f".{FILE_NAME}.{secrets.token_hex(8)}"
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(base64.b64encode(secrets.token_bytes(KEY_BYTES)) + b"\n")
        file.flush()
        os.fsync(file.fileno())
    return draft


def _sync_folder(folder: Path) -> None:
    """A key that is lost in a power failure takes every stored provider key with it."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _lock(folder: int) -> None:
    """Until the descriptor is closed, which the end of the process does too."""
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise ValueError("The master key is being changed by another process. Wait until it is done.") from None


def _keep_private(path: Path) -> None:
    if path.stat().st_mode & 0o077:
        logger.warning("%s could be read by other users of this machine; its mode is now 0600", FILE_NAME)
        path.chmod(0o600)
