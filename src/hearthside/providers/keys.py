"""Provider keys at rest: AES-256-GCM, `v1.<key id>.<nonce and ciphertext, base64url>`.

What is authenticated along with a key is where it belongs (table, user, provider): a ciphertext moved to another row
does not open.
"""

import base64
import binascii
import contextlib
import hashlib
import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from hearthside.kit.secret import Secret

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

PROVIDER_CONFIG = "provider_config"

_NONCE_BYTES = 12


class UnreadableKey(Exception):
    """The stored key does not open: another master key made it, or the row was tampered with."""


class ProviderKeys:
    """`key` (32 bytes) encrypts; `older` ones still decrypt, until all that they encrypted is renewed."""

    def __init__(self, key: bytes, *, older: Sequence[bytes] = ()) -> None:
        self._source: Callable[[], Sequence[bytes]] | None = None
        self._keys: dict[str, bytes] = {}
        self._id = self._take(key, *older)

    @classmethod
    def following(cls, source: Callable[[], Sequence[bytes]]) -> "ProviderKeys":
        """With the keys that `source` gives, the present one first. It is asked before anything is encrypted, and for
        what does not open: the keys may be changed while this process runs."""
        present, *older = source()
        keys = cls(present, older=older)
        keys._source = source
        return keys

    def encrypt(self, secret: Secret, *, user_id: int, provider_id: str, table: str = PROVIDER_CONFIG) -> str:
        """`table` is where the key is stored, as exactly as nobody but its own row can say it."""
        self._follow()
        nonce, place = os.urandom(_NONCE_BYTES), _place(table, user_id, provider_id)
        sealed = _cipher(self._keys[self._id]).encrypt(nonce, secret.reveal().encode(), place)
        return f"v1.{self._id}.{base64.urlsafe_b64encode(nonce + sealed).decode()}"

    def decrypt(self, stored: str, *, user_id: int, provider_id: str, table: str = PROVIDER_CONFIG) -> Secret:
        """Raises UnreadableKey."""
        # cryptography takes 40 ms to load: with the first key that is used, not with the server.
        from cryptography.exceptions import InvalidTag  # noqa: PLC0415

        version, _, rest = stored.partition(".")
        key_id, _, body = rest.partition(".")
        if key_id not in self._keys:
            with contextlib.suppress(OSError, ValueError):  # then it does not open, which is said below
                self._follow()
        key = self._keys.get(key_id)
        if version != "v1" or key is None:
            raise UnreadableKey("the provider key was stored under a master key that is not here")
        try:
            sealed = base64.urlsafe_b64decode(body)
            place = _place(table, user_id, provider_id)
            opened = _cipher(key).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], place)
        except (binascii.Error, ValueError, InvalidTag):
            raise UnreadableKey("the stored provider key is damaged, or belongs to another row") from None
        return Secret(opened.decode())

    def is_current(self, stored: str) -> bool:
        """Whether it was encrypted with the present key."""
        self._follow()
        return stored.startswith(f"v1.{self._id}.")

    def _follow(self) -> None:
        if self._source is not None:
            self._id = self._take(*self._source())

    def _take(self, present: bytes, *older: bytes) -> str:
        """The id of the present one. What was known stays known: somebody may have read a row just before."""
        self._keys |= {_key_id(each): each for each in (*older, present)}
        return _key_id(present)


def _place(table: str, user_id: int, provider_id: str) -> bytes:
    return f"{table}|{user_id}|{provider_id}".encode()


def _key_id(key: bytes) -> str:
    if len(key) != 32:
        raise ValueError("a key of 32 bytes is needed")
    return hashlib.sha256(b"provider key id" + key).hexdigest()[:8]


def _cipher(key: bytes) -> "AESGCM":
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415 - see decrypt

    return AESGCM(key)
