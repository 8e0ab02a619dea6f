"""Signing in with a password: into a browser session, or into a pair of tokens that renews itself."""

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from hearthside.accounts import audit_store, session_store, store
from hearthside.accounts.access_tokens import AccessTokens
from hearthside.accounts.attempts import Attempts
from hearthside.accounts.cache import ActorCache
from hearthside.accounts.model import AccountStatus, Action, NewSession, Origin, Session, TokenPair, User, UserStatus
from hearthside.accounts.names import compared, is_login
from hearthside.accounts.passwords import NOBODYS_HASH, PasswordHasher
from hearthside.accounts.policy import AccountPolicy
from hearthside.accounts.session_secrets import REFRESH_PREFIX, SessionSecrets
from hearthside.accounts.session_store import StoredRefresh
from hearthside.accounts.sessions import Opened, Sessions, check_alive, inactive
from hearthside.kit.clock import Clock
from hearthside.kit.db import Database
from hearthside.kit.errors import Unauthenticated
from hearthside.kit.ids import digest, new_secret
from hearthside.kit.limits import address_key

# A client whose answer got lost may ask with the same refresh token once more within this time.
REFRESH_GRACE = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class _Proven:
    """A user whose password was right, and the hash that it was right for."""

    user: User
    password_hash: str


@dataclass(frozen=True, slots=True)
class Candidate:
    """Whom a login may mean. `password_hash` is NOBODYS_HASH where there is no such user, and KEPT_ELSEWHERE where
    another keeps the password."""

    login_key: str
    user: User | None
    password_hash: str
    is_known_address: bool


class SignIn:
    def __init__(
        self, database: Database, clock: Clock, *, hasher: PasswordHasher, attempts: Attempts, sessions: Sessions
    ) -> None:
        self._database = database
        self._clock = clock
        self._hasher = hasher
        self._attempts = attempts
        self._sessions = sessions

    async def session(self, login: str, password: str, origin: Origin) -> NewSession:
        proven = await self._prove(login, password, origin)
        async with self._database.write() as connection:
            return await self._sessions.start_in(connection, proven.user, origin, password_hash=proven.password_hash)

    async def family(self, login: str, password: str, origin: Origin) -> tuple[str, Opened]:
        """A session without a cookie and the first refresh token of its family."""
        proven = await self._prove(login, password, origin)
        return await self.start_family(proven.user, origin, password_hash=proven.password_hash)

    async def start_family(self, user: User, origin: Origin, *, password_hash: str | None = None) -> tuple[str, Opened]:
        """The same for somebody who has just proved who they are."""
        token = new_secret(REFRESH_PREFIX)
        async with self._database.write() as connection:
            opened = await self._sessions.open(connection, user, origin, cookie_hash=None, password_hash=password_hash)
            await session_store.add_refresh_token(connection, opened.session.id, digest(token), at=self._clock.now())
        return token, opened

    async def _prove(self, login: str, password: str, origin: Origin) -> _Proven:
        """Errors: Unauthenticated (invalid_credentials, alike for a wrong password and an unknown user; user_inactive
        only to somebody who knows the password), RateLimited.
        """
        candidate = await self.attempt(login, origin)
        user, password_hash = candidate.user, candidate.password_hash or NOBODYS_HASH
        right = await self._hasher.verify(password, password_hash)
        if user is None or not right:
            await self.record_failure(user, origin)
            raise Unauthenticated("The user name or the password is wrong.", code="invalid_credentials")
        if user.status is not UserStatus.ACTIVE:
            raise inactive()
        return _Proven(user, password_hash)

    async def attempt(self, login: str, origin: Origin) -> Candidate:
        """Whom the login means; every try of a password begins here. Errors: RateLimited."""
        await self._attempts.check_address("sign-in", origin)
        candidate = await self.find(login, origin)
        known = candidate.is_known_address
        await self._attempts.check_account(candidate.login_key, origin, known_address=known)
        return candidate

    async def find(self, login: str, origin: Origin) -> Candidate:
        """The same queries whether there is such a user or not."""
        login_key = compared(login) if is_login(login) else ""
        async with self._database.read() as connection:
            user, hashed = await store.user_and_hash(connection, login_key) or (None, NOBODYS_HASH)
            network = address_key(origin.address)
            known = await session_store.network_is_known(connection, user.id if user else 0, network)
        return Candidate(login_key, user, hashed, is_known_address=known)

    async def record_failure(self, user: User | None, origin: Origin) -> None:
        """Without what was typed for an unknown user: people type passwords into the wrong field."""
        async with self._database.write(durable=False) as connection:
            await audit_store.record(
                connection,
                Action.SIGN_IN_FAILED,
                at=self._clock.now(),
                by=None,
                origin=origin,
                target=user.uid if user else "",
            )


class TokenPairs:
    """Pairs of an access and a refresh token (RFC 9700 §4.14: rotation with detection of reuse)."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        *,
        sign_in: SignIn,
        signer: AccessTokens,
        secrets: SessionSecrets,
        policy: AccountPolicy,
        cache: ActorCache,
    ) -> None:
        self._database = database
        self._clock = clock
        self._sign_in = sign_in
        self._signer = signer
        self._secrets = secrets
        self._policy = policy
        self._cache = cache

    async def issue(self, login: str, password: str, origin: Origin) -> TokenPair:
        refresh_token, opened = await self._sign_in.family(login, password, origin)
        return self._pair(refresh_token, opened)

    async def start(self, user: User, origin: Origin) -> TokenPair:
        """For somebody who has just proved who they are."""
        refresh_token, opened = await self._sign_in.start_family(user, origin)
        return self._pair(refresh_token, opened)

    async def refresh(self, refresh_token: str, origin: Origin) -> TokenPair:
        """Exchanges a refresh token for its one child.

        The child is given out again while it is unused and at most 10 s old. Any other use of a used token means that
        two parties hold it: the whole family ends. Errors: Unauthenticated (auth_required, session_expired,
        user_inactive).
        """
        child = self._secrets.child_of(refresh_token)
        async with self._database.write() as connection:
            stored = await session_store.lock_refresh_token(connection, digest(refresh_token))
            if stored is None:
                raise Unauthenticated("This refresh token is not valid here.")
            session, user = await self._alive(connection, stored)
            reused = not await self._exchange(connection, stored, child)
            if reused:
                await self._end_family(connection, user, session, origin)
        if reused:
            self._cache.forget_user(user.id)
            raise Unauthenticated(
                "This refresh token was used before, so its sign-in has been ended. Sign in again.",
                code="session_expired",
            )
        return self._pair(child, Opened(session, user, AccountStatus()))

    async def _alive(self, connection: AsyncConnection, stored: StoredRefresh) -> tuple[Session, User]:
        holder = await session_store.holder_by_id(connection, stored.session_id)
        session = check_alive(holder, now=self._clock.now(), policy=self._policy).session
        user = await store.user_by_id(connection, session.user_id)
        if user is None:
            raise inactive()
        return session, user

    async def _exchange(self, connection: AsyncConnection, stored: StoredRefresh, child: str) -> bool:
        """Makes sure that the child is there; False where the token must not be exchanged (any more)."""
        now = self._clock.now()
        if stored.used_at is None:
            await session_store.use_refresh_token(connection, stored.id, at=now)
            await session_store.add_refresh_token(connection, stored.session_id, digest(child), at=now)
            await session_store.touch_sessions(connection, {stored.session_id: now})
            return True
        # A statement of its own: one that had waited for the parent's lock would not see a child added meanwhile.
        made = await session_store.lock_refresh_token(connection, digest(child))
        return made is not None and made.used_at is None and now - stored.used_at <= REFRESH_GRACE

    async def _end_family(self, connection: AsyncConnection, user: User, session: Session, origin: Origin) -> None:
        now = self._clock.now()
        await session_store.end_session(connection, session.id, at=now)
        await audit_store.record(
            connection, Action.REFRESH_REUSED, at=now, by=user.id, origin=origin, target=session.uid
        )

    def _pair(self, refresh_token: str, opened: Opened) -> TokenPair:
        session, user = opened.session, opened.user
        access_token, seconds = self._signer.issue(
            user_uid=user.uid, session_uid=session.uid, session_ends_at=session.expires_at
        )
        return TokenPair(
            access_token,
            refresh_token,
            expires_in_seconds=seconds,
            session=session,
            user=user,
            account_status=opened.account_status,
        )
