"""Provider keys at rest: AES-256-GCM, `v1.<key id>.<nonce and ciphertext, base64url>`.

What is authenticated along with a key is where it belongs (table, user, provider): a ciphertext moved to another row
does not open.
"""

import base64
import binascii
import hashlib
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from hearthside.kit.secret import Secret

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_NONCE_BYTES = 12


class UnreadableKey(Exception):
    """The stored key does not open: another master key made it, or the row was tampered with."""


class ProviderKeys:
    """`key` (32 bytes) encrypts; `older` ones still decrypt, until `ProviderDirectory.renew_keys` has done its work."""

    def __init__(self, key: bytes, *, older: Sequence[bytes] = ()) -> None:
        self._id = _key_id(key)
        self._keys = {_key_id(each): each for each in (*older, key)}

    def encrypt(self, secret: Secret, *, user_id: int, provider_id: str) -> str:
        nonce = os.urandom(_NONCE_BYTES)
        sealed = _cipher(self._keys[self._id]).encrypt(nonce, secret.reveal().encode(), _place(user_id, provider_id))
        return f"v1.{self._id}.{base64.urlsafe_b64encode(nonce + sealed).decode()}"

    def decrypt(self, stored: str, *, user_id: int, provider_id: str) -> Secret:
        """Raises UnreadableKey."""
        # cryptography takes 40 ms to load: with the first key that is used, not with the server.
        from cryptography.exceptions import InvalidTag  # noqa: PLC0415

        version, _, rest = stored.partition(".")
        key_id, _, body = rest.partition(".")
        key = self._keys.get(key_id)
        if version != "v1" or key is None:
            raise UnreadableKey("the provider key was stored under a master key that is not here")
        try:
            sealed = base64.urlsafe_b64decode(body)
            opened = _cipher(key).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], _place(user_id, provider_id))
        except (binascii.Error, ValueError, InvalidTag):
            raise UnreadableKey("the stored provider key is damaged, or belongs to another row") from None
        return Secret(opened.decode())

    def is_current(self, stored: str) -> bool:
        """Whether it was encrypted with the present key."""
        return stored.startswith(f"v1.{self._id}.")


def _place(user_id: int, provider_id: str) -> bytes:
    return f"provider_config|{user_id}|{provider_id}".encode()


def _key_id(key: bytes) -> str:
    if len(key) != 32:
        raise ValueError("a key of 32 bytes is needed")
    return hashlib.sha256(b"provider key id" + key).hexdigest()[:8]


def _cipher(key: bytes) -> "AESGCM":
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415 - see decrypt

    return AESGCM(key)
