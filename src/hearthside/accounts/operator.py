"""What whoever holds the machine may do without signing in: the acts of the command line. No dialect reaches these."""

from hearthside.accounts import audit_store, store
from hearthside.accounts.invites import Invites
from hearthside.accounts.model import NOWHERE, Action, Invite, User
from hearthside.accounts.names import compared
from hearthside.accounts.passwords import PasswordHasher, checked_password
from hearthside.accounts.registration import add_user, checked_newcomer
from hearthside.accounts.users import Users
from hearthside.kit.actor import Actor, CredentialKind, Role, Scope
from hearthside.kit.clock import Clock
from hearthside.kit.db import Database
from hearthside.kit.errors import NotFound


class Operator:
    def __init__(
        self, database: Database, clock: Clock, *, hasher: PasswordHasher, users: Users, invites: Invites
    ) -> None:
        self._database = database
        self._clock = clock
        self._hasher = hasher
        self._users = users
        self._invites = invites

    async def create_user(self, username: str, *, email: str | None, password: str, role: Role) -> User:
        """Whatever the sign-up policy says. Errors: Invalid, Conflict (username_exists, email_exists)."""
        newcomer = checked_newcomer(username=username, email=email)
        password_hash = await self._hasher.hash(checked_password(password))
        now = self._clock.now()
        async with self._database.write() as connection:
            user = await add_user(connection, newcomer, password_hash=password_hash, role=role, at=now)
            await audit_store.record(
                connection,
                Action.USER_CREATED,
                at=now,
                by=None,
                origin=NOWHERE,
                target=user.uid,
                detail={"role": role.value},
            )
        return user

    async def reset_password(self, login: str, password: str) -> User:
        """Ends all sessions of the user. Errors: NotFound (user_not_found), Invalid."""
        user = await self._user(login)
        await self._users.set_password(user.id, password, keep_session=None, by=None, origin=NOWHERE)
        return user

    async def create_invite(self, *, expires_in_hours: int) -> tuple[str, Invite]:
        return await self._invites.issue(by=None, expires_in_hours=expires_in_hours, origin=NOWHERE)

    async def actor(self, login: str) -> Actor:
        """The user, with all that they may do themselves. Errors: NotFound (user_not_found)."""
        user = await self._user(login)
        scopes = frozenset(Scope) if user.role is Role.ADMIN else frozenset(Scope) - {Scope.ADMIN}
        return Actor(user.id, user.uid, user.role, CredentialKind.SESSION, credential_id=0, scopes=scopes)

    async def _user(self, login: str) -> User:
        async with self._database.read() as connection:
            found = await store.user_and_hash(connection, compared(login))
        if found is None:
            raise NotFound(f"There is no user {login!r}.", code="user_not_found")
        return found[0]
