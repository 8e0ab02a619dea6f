"""Secrets that follow from others by the server's key, so that they need not be stored to be given out again."""

import base64
import hmac

from hearthside.kit.ids import digest
from hearthside.kit.keys import MasterKey

REFRESH_PREFIX = "hsr_"


class SessionSecrets:
    def __init__(self, keys: MasterKey) -> None:
        self._csrf_key = keys.derive("csrf-tokens")
        self._refresh_key = keys.derive("refresh-tokens")

    def csrf_token(self, cookie_hash: str) -> str:
        """The synchroniser token of the session whose cookie has this hash: the same one at every call."""
        return _text(self._csrf_key, cookie_hash)

    def is_csrf_token(self, token: str, *, cookie: str) -> bool:
        """Compared in constant time."""
        return hmac.compare_digest(self.csrf_token(digest(cookie)).encode(), token.encode("utf-8", "surrogatepass"))

    def child_of(self, refresh_token: str) -> str:
        """The one refresh token that this one can be exchanged for.

        Derived, so that a client whose answer got lost is given the same child again although only its hash is stored.
        Without the server's key nobody who knows the parent knows the child.
        """
        return REFRESH_PREFIX + _text(self._refresh_key, refresh_token)


def _text(key: bytes, message: str) -> str:
    return (
        base64.urlsafe_b64encode(hmac.digest(key, message.encode("utf-8", "surrogatepass"), "sha256"))
        .decode()
        .rstrip("=")
    )
