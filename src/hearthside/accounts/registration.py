"""How users come to be: what is asked of a new one, sign-up (open or by invite), and the first admin."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from hearthside.accounts import audit_store, invite_store, store
from hearthside.accounts.attempts import Attempts
from hearthside.accounts.model import Action, NewSession, Origin, User, UserStatus
from hearthside.accounts.names import checked_display_name, checked_email, checked_username, compared
from hearthside.accounts.passwords import PasswordHasher, checked_password
from hearthside.accounts.policy import AccountPolicy
from hearthside.accounts.sessions import Sessions
from hearthside.kit.actor import Role
from hearthside.kit.clock import Clock
from hearthside.kit.db import Database
from hearthside.kit.errors import Conflict, Forbidden, Invalid
from hearthside.kit.ids import digest, new_secret, new_uid
from hearthside.settings import SignUp

BOOTSTRAP_PREFIX = "hsb_"


@dataclass(frozen=True, slots=True)
class Newcomer:
    """What is known of a new user, already checked."""

    username: str | None
    email: str | None
    display_name: str | None


def checked_newcomer(*, username: str | None, email: str | None, display_name: str | None = None) -> Newcomer:
    """Errors: Invalid. At least one of user name and e-mail address is needed to sign in with."""
    if not username and not email:
        raise Invalid("A user name or an e-mail address is needed.")
    return Newcomer(
        username=checked_username(username) if username else None,
        email=checked_email(email) if email else None,
        display_name=checked_display_name(display_name) if display_name else None,
    )


async def add_user(
    connection: AsyncConnection, newcomer: Newcomer, *, password_hash: str, role: Role, at: datetime
) -> User:
    """Errors: Conflict (username_exists, email_exists)."""
    username_key = compared(newcomer.username) if newcomer.username else None
    values = {
        "uid": new_uid(),
        "username": newcomer.username,
        "username_key": username_key,
        "email": newcomer.email,
        "email_key": compared(newcomer.email) if newcomer.email else None,
        "display_name": newcomer.display_name,
        "password_hash": password_hash,
        "role": role,
        "status": UserStatus.ACTIVE,
        "created_at": at,
    }
    user = await store.add_user(connection, values)
    if user is None and username_key and await store.username_taken(connection, username_key):
        raise Conflict("This user name is taken.", code="username_exists")
    if user is None:
        raise Conflict("This e-mail address is taken.", code="email_exists")
    return user


class Registration:
    """Sign-up, open or by invite."""

    def __init__(
        self, database: Database, clock: Clock, *, hasher: PasswordHasher, attempts: Attempts, policy: AccountPolicy
    ) -> None:
        self._database = database
        self._clock = clock
        self._hasher = hasher
        self._attempts = attempts
        self._policy = policy

    async def sign_up(self, newcomer: Newcomer, password: str, *, invite_code: str | None, origin: Origin) -> User:
        self._check_policy(invite_code)
        await self._attempts.check_address("sign-up", origin)
        checked_password(password)
        if invite_code:
            await self._check_invite(invite_code)
        password_hash = await self._hasher.hash(password)
        now = self._clock.now()
        async with self._database.write() as connection:
            # The invite comes first: without one nobody learns which names are taken.
            invite_id = await self._claim(connection, invite_code, now=now) if invite_code else None
            user = await add_user(connection, newcomer, password_hash=password_hash, role=Role.USER, at=now)
            if invite_id is not None:
                await invite_store.set_invite_user(connection, invite_id, user.id)
            await audit_store.record(connection, Action.SIGN_UP, at=now, by=user.id, origin=origin, target=user.uid)
        return user

    def _check_policy(self, invite_code: str | None) -> None:
        if self._policy.sign_up is SignUp.CLOSED:
            raise Forbidden("Signing up is closed on this server.", code="sign_up_closed")
        if self._policy.sign_up is SignUp.INVITE and not invite_code:
            raise Invalid("An invite code is needed to sign up here. Ask an admin for one.", code="invalid_invite")

    async def _check_invite(self, code: str) -> None:
        """Before the costly hash; what counts is the claim."""
        async with self._database.read() as connection:
            if not await invite_store.invite_is_open(connection, digest(code), now=self._clock.now()):
                raise _bad_invite()

    async def _claim(self, connection: AsyncConnection, code: str, *, now: datetime) -> int:
        invite_id = await invite_store.claim_invite(connection, digest(code), now=now)
        if invite_id is None:
            raise _bad_invite()
        return invite_id


def _bad_invite() -> Invalid:
    return Invalid("This invite code is unknown, used or expired. Ask for a new one.", code="invalid_invite")


class Bootstrap:
    """The first admin, made with a token that works once and never after an admin exists."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        *,
        hasher: PasswordHasher,
        attempts: Attempts,
        sessions: Sessions,
        policy: AccountPolicy,
    ) -> None:
        self._database = database
        self._clock = clock
        self._hasher = hasher
        self._attempts = attempts
        self._sessions = sessions
        self._policy = policy

    async def prepare(self) -> str | None:
        """Stores the token of the settings, or else a random one: returned at the first start, never again."""
        given = self._policy.bootstrap_token
        token = given.reveal() if given else new_secret(BOOTSTRAP_PREFIX)
        now = self._clock.now()
        async with self._database.write() as connection:
            if await store.admin_exists(connection):
                return None
            if given:
                await invite_store.replace_bootstrap(connection, digest(token), at=now)
                return None
            return token if await invite_store.add_bootstrap(connection, digest(token), at=now) else None

    async def use(self, token: str, newcomer: Newcomer, password: str, *, origin: Origin) -> NewSession:
        await self._attempts.check_address("bootstrap", origin)
        async with self._database.read() as connection:
            if await store.admin_exists(connection):
                raise _disabled()
        checked_password(password)
        password_hash = await self._hasher.hash(password)
        now = self._clock.now()
        async with self._database.write() as connection:
            claimed = await invite_store.claim_bootstrap(connection, digest(token), at=now)
            # Looked at after the claim, which waits for whoever claims at the same moment.
            if await store.admin_exists(connection):
                raise _disabled()
            if not claimed:
                raise Forbidden("The bootstrap token is wrong.", code="invalid_bootstrap_token")
            user = await add_user(connection, newcomer, password_hash=password_hash, role=Role.ADMIN, at=now)
            await audit_store.record(connection, Action.BOOTSTRAP, at=now, by=user.id, origin=origin, target=user.uid)
            return await self._sessions.start_in(connection, user, origin)


def _disabled() -> Forbidden:
    return Forbidden("This server has an admin already.", code="bootstrap_disabled")
