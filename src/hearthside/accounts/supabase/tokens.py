"""GoTrue's access tokens (JWT): checked here, with the project's secret or its published keys; GoTrue is not asked."""

import asyncio
import json
import logging
import math
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, cast

from hearthside.accounts.supabase.transport import TIMEOUTS
from hearthside.kit.clock import Clock
from hearthside.kit.errors import HearthsideError, Unauthenticated, UpstreamFailed
from hearthside.kit.outbound import Outbound
from hearthside.kit.secret import Secret

AUDIENCE: Final = "authenticated"
SHARED: Final = "HS256"
PUBLISHED: Final = ("ES256", "RS256")
KINDS: Final = ("EC", "RSA")
LONGEST: Final = 8192
# Published keys are asked for again after so long; a token with an unknown one makes it sooner, but not at will.
KEEP_SECONDS: Final = 600.0
AT_MOST_EVERY_SECONDS: Final = 30.0

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SupabaseClaims:
    """`began_at`: when the person signed in (and not: when this token was made)."""

    user_uid: str
    session_uid: str
    expires_at: datetime
    began_at: datetime


class SupabaseTokens:
    """`secret`: the project's JWT secret (HS256); None: only its published keys count."""

    def __init__(self, keys_url: str, outbound: Outbound, clock: Clock, *, secret: Secret | None) -> None:
        self._keys_url = keys_url
        self._outbound = outbound
        self._clock = clock
        self._secret = secret
        self._published: Any = None  # a joserfc KeySet
        self._asked_at: float | None = None
        self._asking = asyncio.Lock()

    async def read(self, token: str) -> SupabaseClaims:
        """Errors: Unauthenticated (auth_required; session_expired where it is only too old), UpstreamFailed, …"""
        header = _header_of(token)
        algorithm, key_id = header.get("alg"), header.get("kid")
        # Each algorithm with its own kind of key: a published key must never count as a shared secret.
        if algorithm == SHARED and self._secret is not None:
            claims = self._decoded(token, self._shared_key(), SHARED)
        elif algorithm in PUBLISHED:
            claims = self._decoded(token, await self._published_keys(key_id), algorithm)
        else:
            raise _refused()
        return self._checked(claims)

    def _decoded(self, token: str, key: Any, algorithm: str) -> dict[str, Any]:
        from joserfc import jwt  # noqa: PLC0415 - slow to import; see accounts/access_tokens.py
        from joserfc.errors import JoseError  # noqa: PLC0415 - as above

        try:
            return jwt.decode(token, key, algorithms=[algorithm]).claims
        except (JoseError, ValueError) as error:
            raise _refused() from error

    def _shared_key(self) -> Any:
        from joserfc.jwk import OctKey  # noqa: PLC0415 - as above

        return OctKey.import_key(self._secret.reveal() if self._secret else "")

    async def _published_keys(self, key_id: Any) -> Any:
        async with self._asking:
            is_known = self._published is not None and any(key.kid == key_id for key in self._published.keys)
            if self._age_seconds() >= (KEEP_SECONDS if is_known else AT_MOST_EVERY_SECONDS):
                await self._renew(is_known=is_known)
        return self._published

    def _age_seconds(self) -> float:
        return math.inf if self._asked_at is None else self._clock.monotonic() - self._asked_at

    async def _renew(self, *, is_known: bool) -> None:
        try:
            self._published = await self._fetch()
        except HearthsideError:
            if not is_known:
                raise  # a server that is away makes no token wrong
            logger.warning("Supabase's published keys were not renewed; the known ones go on counting")
        self._asked_at = self._clock.monotonic()

    async def _fetch(self) -> Any:
        from joserfc.errors import JoseError  # noqa: PLC0415 - as above
        from joserfc.jwk import KeySet  # noqa: PLC0415 - as above

        async with self._outbound.request("GET", self._keys_url, trusted=True, timeouts=TIMEOUTS) as reply:
            body = await reply.read(limit=256 * 1024)
        try:
            keys = [key for key in json.loads(body)["keys"] if key["kty"] in KINDS]
            return KeySet.import_key_set({"keys": keys}) if keys else KeySet([])
        except (JoseError, ValueError, KeyError, TypeError) as error:
            raise UpstreamFailed("Supabase's published keys cannot be read.", code="identity_error") from error

    def _checked(self, claims: dict[str, Any]) -> SupabaseClaims:
        audience = claims.get("aud")
        right = audience == AUDIENCE or (isinstance(audience, list) and AUDIENCE in audience)
        texts = [claims.get("sub"), claims.get("session_id")]
        if not right or not isinstance(claims.get("exp"), int) or not all(isinstance(text, str) for text in texts):
            raise _refused()
        expires_at = datetime.fromtimestamp(claims["exp"], UTC)
        if expires_at <= self._clock.now():
            raise Unauthenticated("The access token has expired; refresh it.", code="session_expired")
        return SupabaseClaims(claims["sub"], claims["session_id"], expires_at, self._began_at(claims))

    def _began_at(self, claims: dict[str, Any]) -> datetime:
        """By the newest of the ways in which they proved who they are (`amr`); else when the token was made."""
        ways = cast("list[Any]", claims["amr"]) if isinstance(claims.get("amr"), list) else []
        proofs = [cast("dict[str, Any]", way).get("timestamp") for way in ways if isinstance(way, dict)]
        moment = max((time for time in proofs if isinstance(time, int)), default=claims.get("iat"))
        if not isinstance(moment, int):
            raise _refused()
        return datetime.fromtimestamp(moment, UTC)


def _header_of(token: str) -> dict[str, Any]:
    from joserfc.errors import JoseError  # noqa: PLC0415 - as above
    from joserfc.jws import extract_compact  # noqa: PLC0415 - as above

    if len(token) > LONGEST:
        raise _refused()
    try:
        return dict(extract_compact(token.encode()).headers())
    except (JoseError, ValueError, UnicodeError) as error:
        raise _refused() from error


def _refused() -> Unauthenticated:
    return Unauthenticated("This access token is not valid here.")
