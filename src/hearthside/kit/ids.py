"""Identifiers and random secrets."""

import hashlib
import secrets
import time


def new_uid() -> str:
    """A UUID version 7 (RFC 9562 §5.7) in its 36-character form: unique, and sorted by the time it was made."""
    milliseconds = time.time_ns() // 1_000_000
    value = milliseconds << 80 | 0x7 << 76 | secrets.randbits(12) << 64 | 0b10 << 62 | secrets.randbits(62)
    text = f"{value:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def new_secret(prefix: str = "") -> str:
    """256 random bits as URL-safe text behind `prefix`."""
    return prefix + secrets.token_urlsafe(32)


def digest(secret: str) -> str:
    """SHA-256 as hex: how a random 256-bit secret is stored. Not for passwords, which people choose."""
    # Half a surrogate pair, which JSON can carry, is a wrong secret like any other, not an error.
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
