"""Passwords: what is accepted, and Argon2id in a small thread pool of its own."""

import asyncio
import base64
import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

from hearthside.kit.errors import FieldProblem, Invalid, Unavailable

SHORTEST, LONGEST = 8, 1024

# OWASP's second recommendation for Argon2id: 19 MiB, 2 passes, 1 lane; 25 ms on one core.
MEMORY_KIB, PASSES, LANES = 19_456, 2, 1
THREADS = 2
# Beyond so many waiting (about a second's work) more would only time out.
MOST_WAITING = 64


class PasswordHasher(Protocol):
    async def hash(self, password: str) -> str: ...

    async def verify(self, password: str, hashed: str) -> bool: ...


def _nobody() -> str:
    """A hash in the right form that no password is known for; verifying against it costs what any other costs."""
    salt, digest = (base64.b64encode(bytes(size)).decode().rstrip("=") for size in (16, 32))
    return f"$argon2id$v=19$m={MEMORY_KIB},t={PASSES},p={LANES}${salt}${digest}"


# What the password of an unknown user is compared with, so that the answer takes as long as for a known one.
NOBODYS_HASH = _nobody()

# What stands in the place of the hash where another than this server keeps a password.
KEPT_ELSEWHERE = ""


def checked_password(password: str, field: str = "password") -> str:
    """Errors: Invalid, by length alone: rules about characters make passwords worse (NIST SP 800-63B §3.1.1.2)."""
    if not SHORTEST <= len(password) <= LONGEST:
        wanted = f"must have {SHORTEST} to {LONGEST} characters"
        raise Invalid(f"{field} {wanted}.", fields=[FieldProblem(where=field, message=wanted)])
    return password


class Argon2Hasher:
    """Argon2id. Two threads at most: each hash takes 19 MiB and a core. Errors: Unavailable when too many wait."""

    def __init__(self, *, most_waiting: int = MOST_WAITING) -> None:
        self._most_waiting = most_waiting
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="passwords")
        self._waiting = 0
        self._argon2: Any = None  # an argon2.PasswordHasher behind pwdlib's, made in the pool at the first use

    async def hash(self, password: str) -> str:
        return await self._run(lambda: self._loaded().hash(_bytes(password)))

    async def verify(self, password: str, hashed: str) -> bool:
        return await self._run(lambda: self._loaded().verify(_bytes(password), hashed))

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _loaded(self) -> Any:
        if self._argon2 is None:
            # Imported late: 50 ms that only a server on which somebody signs in has to spend.
            from pwdlib.hashers.argon2 import Argon2Hasher as Implementation  # noqa: PLC0415

            self._argon2 = Implementation(time_cost=PASSES, memory_cost=MEMORY_KIB, parallelism=LANES)
        return self._argon2

    async def _run(self, work: Callable[[], Any]) -> Any:
        if self._waiting >= self._most_waiting:
            raise Unavailable("Too many people are signing in just now. Try again in a moment.", retry_after_seconds=2)
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, work)
        finally:
            self._waiting -= 1


class QuickHasher:
    """For tests only: a digest without salt, and a record of the work that Argon2id would have had."""

    def __init__(self) -> None:
        self.hashed = 0
        self.verified: list[str] = []  # the hashes that passwords were compared with

    async def hash(self, password: str) -> str:
        self.hashed += 1
        return "quick$" + hashlib.sha256(_bytes(password)).hexdigest()

    async def verify(self, password: str, hashed: str) -> bool:
        self.verified.append(hashed)
        return hashed == "quick$" + hashlib.sha256(_bytes(password)).hexdigest()


def _bytes(password: str) -> bytes:
    """UTF-8, and halves of surrogate pairs, which JSON can carry, as they are instead of an error."""
    return password.encode("utf-8", "surrogatepass")
