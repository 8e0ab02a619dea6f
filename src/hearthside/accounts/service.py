"""Accounts: the face of the slice. Each act is done by the file that owns its noun."""

from collections.abc import Callable

from hearthside.accounts import audit_store
from hearthside.accounts.access_tokens import AccessTokens
from hearthside.accounts.api_tokens import ApiTokens
from hearthside.accounts.attempts import Attempts
from hearthside.accounts.cache import ActorCache
from hearthside.accounts.identity import IdentityProvider, LocalIdentity
from hearthside.accounts.invites import Invites
from hearthside.accounts.model import (
    NOWHERE,
    ApiToken,
    AuditEntry,
    Invite,
    NewSession,
    Origin,
    Session,
    SignedUp,
    TokenPair,
    User,
    UserStatus,
)
from hearthside.accounts.operator import Operator
from hearthside.accounts.passwords import PasswordHasher
from hearthside.accounts.policy import AccountPolicy
from hearthside.accounts.registration import Bootstrap, Registration, checked_newcomer
from hearthside.accounts.session_secrets import SessionSecrets
from hearthside.accounts.sessions import Sessions
from hearthside.accounts.sign_in import SignIn, TokenPairs
from hearthside.accounts.users import Users
from hearthside.kit.actor import Actor, Role, Scope
from hearthside.kit.clock import Clock
from hearthside.kit.db import Database
from hearthside.kit.errors import Forbidden
from hearthside.kit.limits import RateLimiter

__all__ = ["AccountPolicy", "Accounts", "Origin"]

LARGEST_AUDIT_PAGE = 200


class Accounts:
    """People and what they sign in with.

    `identity` puts another keeper of passwords in front of this server. `cache` is the resolver's: what changes
    somebody's rights clears it. Every error is one of kit/errors.py; the codes are named where the act is done.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        *,
        hasher: PasswordHasher,
        signer: AccessTokens,
        secrets: SessionSecrets,
        policy: AccountPolicy,
        limiter: RateLimiter,
        cache: ActorCache,
        identity: Callable[[LocalIdentity], IdentityProvider] = lambda local: local,
    ) -> None:
        attempts = Attempts(limiter, policy)
        self._database = database
        self._sessions = Sessions(database, clock, secrets=secrets, policy=policy, cache=cache)
        sign_in = SignIn(database, clock, hasher=hasher, attempts=attempts, sessions=self._sessions)
        pairs = TokenPairs(database, clock, sign_in=sign_in, signer=signer, secrets=secrets, policy=policy, cache=cache)
        registration = Registration(database, clock, hasher=hasher, attempts=attempts, policy=policy)
        self.identity = identity(
            LocalIdentity(
                attempts=attempts,
                registration=registration,
                password=sign_in,
                pairs=pairs,
                sessions=self._sessions,
                signer=signer,
            )
        )
        self._bootstrap = Bootstrap(
            database, clock, hasher=hasher, attempts=attempts, sessions=self._sessions, policy=policy
        )
        self._users = Users(database, clock, hasher=hasher, attempts=attempts, cache=cache)
        self._api_tokens = ApiTokens(database, clock, cache=cache)
        self._invites = Invites(database, clock)
        self.operator = Operator(database, clock, hasher=hasher, users=self._users, invites=self._invites)

    # Coming in

    async def sign_up(
        self,
        *,
        username: str | None,
        email: str | None,
        password: str,
        invite_code: str | None = None,
        display_name: str | None = None,
        origin: Origin,
    ) -> User:
        """A new user, not signed in yet.

        Errors: Forbidden (sign_up_closed), Invalid (invalid_invite, validation_error), Conflict (username_exists,
        email_exists), RateLimited.
        """
        newcomer = checked_newcomer(username=username, email=email, display_name=display_name)
        registered = await self.identity.sign_up(newcomer, password, invite_code=invite_code, origin=origin)
        return registered.user

    async def sign_up_for_session(
        self,
        *,
        username: str | None,
        email: str | None,
        password: str,
        invite_code: str | None = None,
        display_name: str | None = None,
        origin: Origin,
    ) -> NewSession:
        """A new user and a session for their browser. Errors: as sign_up, and Forbidden (email_not_confirmed)."""
        newcomer = checked_newcomer(username=username, email=email, display_name=display_name)
        registered = await self.identity.sign_up(newcomer, password, invite_code=invite_code, origin=origin)
        if not registered.is_confirmed:
            raise Forbidden(
                "The account is made. Answer the letter to your e-mail address, then sign in.",
                code="email_not_confirmed",
            )
        return await self._sessions.start(registered.user, origin)

    async def sign_up_for_tokens(
        self,
        *,
        email: str,
        password: str,
        full_name: str | None = None,
        invite_code: str | None = None,
        origin: Origin,
    ) -> SignedUp:
        """A new user and their first tokens (None where they have to confirm their address). Errors: as sign_up."""
        newcomer = checked_newcomer(username=None, email=email, display_name=full_name)
        return await self.identity.sign_up_for_tokens(newcomer, password, invite_code=invite_code, origin=origin)

    async def sign_in(self, login: str, password: str, *, origin: Origin) -> NewSession:
        """A session for a browser; `login` is a user name or an e-mail address.

        Errors: Unauthenticated (invalid_credentials; user_inactive only after a right password), RateLimited.
        """
        return await self.identity.sign_in(login, password, origin)

    async def start_session(self, user: User, *, origin: Origin) -> NewSession:
        return await self._sessions.start(user, origin)

    async def issue_tokens(self, login: str, password: str, *, origin: Origin) -> TokenPair:
        return await self.identity.issue_tokens(login, password, origin)

    async def refresh(self, refresh_token: str, *, origin: Origin) -> TokenPair:
        return await self.identity.refresh(refresh_token, origin)

    async def prepare_bootstrap(self) -> str | None:
        """Called at every start: the bootstrap token to be shown, at the first start only."""
        return await self._bootstrap.prepare()

    async def bootstrap(self, token: str, *, username: str, password: str, origin: Origin) -> NewSession:
        """Makes the first admin. Errors: Forbidden (bootstrap_disabled, invalid_bootstrap_token), as sign_up."""
        newcomer = checked_newcomer(username=username, email=None)
        return await self._bootstrap.use(token, newcomer, password, origin=origin)

    # Oneself

    async def user(self, actor: Actor) -> User:
        return await self._users.get(actor)

    async def change_password(self, actor: Actor, *, current: str, new: str, origin: Origin = NOWHERE) -> None:
        await self._users.change_password(actor, current=current, new=new, origin=origin)

    async def csrf_token(self, actor: Actor) -> str:
        return await self._sessions.csrf_token(actor)

    async def sign_out(self, actor: Actor, *, origin: Origin = NOWHERE) -> int:
        return await self.identity.sign_out(actor, origin)

    async def sessions(self, actor: Actor) -> list[Session]:
        return await self._sessions.list(actor)

    async def end_session(self, actor: Actor, uid: str, *, origin: Origin = NOWHERE) -> None:
        await self._sessions.end(actor, uid, origin)

    async def end_other_sessions(self, actor: Actor, *, origin: Origin = NOWHERE) -> int:
        return await self._sessions.end_others(actor, origin)

    async def create_api_token(
        self,
        actor: Actor,
        *,
        name: str,
        scopes: frozenset[Scope],
        expires_in_days: int | None,
        origin: Origin = NOWHERE,
    ) -> tuple[str, ApiToken]:
        return await self._api_tokens.create(
            actor, name=name, scopes=scopes, expires_in_days=expires_in_days, origin=origin
        )

    async def api_tokens(self, actor: Actor) -> list[ApiToken]:
        return await self._api_tokens.list(actor)

    async def revoke_api_token(self, actor: Actor, uid: str, *, origin: Origin = NOWHERE) -> None:
        await self._api_tokens.revoke(actor, uid, origin=origin)

    # For admins

    async def users(self, actor: Actor) -> list[User]:
        return await self._users.list(actor)

    async def update_user(
        self,
        actor: Actor,
        user_id: int,
        *,
        role: Role | None = None,
        status: UserStatus | None = None,
        origin: Origin = NOWHERE,
    ) -> User:
        return await self._users.update(actor, user_id, role=role, status=status, origin=origin)

    async def create_invite(
        self, actor: Actor, *, expires_in_hours: int = 24, origin: Origin = NOWHERE
    ) -> tuple[str, Invite]:
        return await self._invites.create(actor, expires_in_hours=expires_in_hours, origin=origin)

    async def invites(self, actor: Actor) -> list[Invite]:
        return await self._invites.list(actor)

    async def delete_invite(self, actor: Actor, invite_id: int, *, origin: Origin = NOWHERE) -> None:
        await self._invites.delete(actor, invite_id, origin=origin)

    async def audit(self, actor: Actor, *, before_id: int | None, limit: int) -> list[AuditEntry]:
        """The newest first, 200 at most; those before the line `before_id`."""
        actor.require_admin()
        async with self._database.read() as connection:
            return await audit_store.entries(
                connection, before_id=before_id, limit=max(1, min(limit, LARGEST_AUDIT_PAGE))
            )
