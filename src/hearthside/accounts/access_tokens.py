"""Access tokens (JWT, RFC 7519): good for an hour, yet only pointers to a session, which is looked up at every use."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from hearthside.kit.clock import Clock
from hearthside.kit.errors import Unauthenticated
from hearthside.kit.keys import MasterKey

ISSUER = AUDIENCE = "hearthside"
TYPE = "access"
ALGORITHM = "HS256"
LIFE = timedelta(hours=1)
LONGEST = 4096


@dataclass(frozen=True, slots=True)
class AccessClaims:
    user_uid: str
    session_uid: str
    expires_at: datetime


class AccessTokens:
    """Signs and reads them. One algorithm, whatever a token's header says."""

    def __init__(self, keys: MasterKey, clock: Clock) -> None:
        self._secret = keys.derive("access-tokens")
        self._clock = clock
        self._loaded: tuple[Any, Any] | None = None

    def issue(self, *, user_uid: str, session_uid: str, session_ends_at: datetime) -> tuple[str, int]:
        """The token and the seconds it lives: an hour, or less where the session ends before that."""
        now = self._clock.now()
        seconds = int(min(LIFE, session_ends_at - now).total_seconds())
        issued_at = int(now.timestamp())
        claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "typ": TYPE,
            "sub": user_uid,
            "sid": session_uid,
            "iat": issued_at,
            "exp": issued_at + seconds,
        }
        jwt, key = self._load()
        return jwt.encode({"alg": ALGORITHM}, claims, key, algorithms=[ALGORITHM]), seconds

    def read(self, token: str) -> AccessClaims:
        """Errors: Unauthenticated, session_expired where the token is ours but too old, else auth_required."""
        claims = self._verified(token)
        expires_at = datetime.fromtimestamp(claims["exp"], UTC)
        if expires_at <= self._clock.now():
            raise Unauthenticated("The access token has expired; refresh it.", code="session_expired")
        return AccessClaims(user_uid=claims["sub"], session_uid=claims["sid"], expires_at=expires_at)

    def _verified(self, token: str) -> dict[str, Any]:
        jwt, key = self._load()
        from joserfc.errors import JoseError  # noqa: PLC0415 - see _load

        if len(token) > LONGEST:
            raise _refused()
        try:
            claims = jwt.decode(token, key, algorithms=[ALGORITHM]).claims
        except (JoseError, ValueError) as error:
            raise _refused() from error
        wanted = {"iss": ISSUER, "aud": AUDIENCE, "typ": TYPE}
        if any(claims.get(name) != value for name, value in wanted.items()) or not _is_complete(claims):
            raise _refused()
        return claims

    def _load(self) -> tuple[Any, Any]:
        """The JWT module and our key, imported late: 0.2 s that only a server with token clients has to spend."""
        if self._loaded is None:
            from joserfc import jwt  # noqa: PLC0415
            from joserfc.jwk import OctKey  # noqa: PLC0415

            self._loaded = (jwt, OctKey.import_key(self._secret))
        return self._loaded


def _is_complete(claims: dict[str, Any]) -> bool:
    return isinstance(claims.get("exp"), int) and all(isinstance(claims.get(name), str) for name in ("sub", "sid"))


def _refused() -> Unauthenticated:
    return Unauthenticated("This access token is not valid here.")
