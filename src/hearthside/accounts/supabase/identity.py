"""GoTrue as the keeper of passwords. This server's own users (the first admin, whom the command line made) stay so."""

import logging
from collections import OrderedDict

from hearthside.accounts.access_tokens import AccessClaims
from hearthside.accounts.identity import LocalIdentity, Registered
from hearthside.accounts.model import (
    NOWHERE,
    NewSession,
    Origin,
    SignedUp,
    TokenPair,
    User,
    UserStatus,
)
from hearthside.accounts.passwords import KEPT_ELSEWHERE, checked_password
from hearthside.accounts.policy import AccountPolicy
from hearthside.accounts.registration import Newcomer
from hearthside.accounts.session_secrets import REFRESH_PREFIX
from hearthside.accounts.supabase.arrivals import Arrivals
from hearthside.accounts.supabase.client import GoTrue, Grant, NewPerson
from hearthside.accounts.supabase.tokens import SupabaseTokens
from hearthside.kit.actor import Actor, CredentialKind, Role
from hearthside.kit.errors import Forbidden, HearthsideError, Invalid, Unauthenticated
from hearthside.kit.secret import Secret
from hearthside.settings import SignUp

# So many tokens are remembered for signing out; each is good for an hour.
REMEMBERED = 1000

logger = logging.getLogger(__name__)


class SupabaseIdentity:
    """See `accounts.identity.IdentityProvider`."""

    def __init__(
        self,
        local: LocalIdentity,
        *,
        gotrue: GoTrue,
        tokens: SupabaseTokens,
        arrivals: Arrivals,
        policy: AccountPolicy,
    ) -> None:
        self._local = local
        self._gotrue = gotrue
        self._tokens = tokens
        self._arrivals = arrivals
        self._policy = policy
        # GoTrue ends a session only for who shows its token, and an Actor carries none: the latest of each session.
        self._latest: OrderedDict[int, Secret] = OrderedDict()

    async def sign_up(
        self,
        newcomer: Newcomer,
        password: str,
        *,
        invite_code: str | None,  # noqa: ARG002 - the port's; there are no invites here
        origin: Origin,
    ) -> Registered:
        new = await self._sign_up(newcomer, password, origin)
        if new.grant is None:
            return Registered(_not_here_yet(new), is_confirmed=False)
        claims = await self._tokens.read(new.grant.access_token)
        user = await self._arrivals.user(claims, new.grant.access_token, origin)
        await self._end_there(new.grant.access_token)
        return Registered(user)

    async def sign_up_for_tokens(
        self,
        newcomer: Newcomer,
        password: str,
        *,
        invite_code: str | None,  # noqa: ARG002 - as above
        origin: Origin,
    ) -> SignedUp:
        new = await self._sign_up(newcomer, password, origin)
        if new.grant is None:
            return SignedUp(_not_here_yet(new), None)
        tokens = await self._pair(new.grant, origin)
        return SignedUp(tokens.user, tokens)

    async def sign_in(self, login: str, password: str, origin: Origin) -> NewSession:
        """The cookie stands on a session of our own, and GoTrue's ends again."""
        email = await self._email_there(login, origin)
        if email is None:
            return await self._local.sign_in(login, password, origin)
        grant = await self._grant(email, password, origin)
        claims = await self._tokens.read(grant.access_token)
        user = await self._arrivals.user(claims, grant.access_token, origin)
        await self._end_there(grant.access_token)
        return await self._local.sessions.start(user, origin)

    async def issue_tokens(self, login: str, password: str, origin: Origin) -> TokenPair:
        email = await self._email_there(login, origin)
        if email is None:
            return await self._local.issue_tokens(login, password, origin)
        return await self._pair(await self._grant(email, password, origin), origin)

    async def refresh(self, refresh_token: str, origin: Origin) -> TokenPair:
        if refresh_token.startswith(REFRESH_PREFIX):
            return await self._local.refresh(refresh_token, origin)
        return await self._pair(await self._gotrue.refresh(refresh_token), origin)

    async def sign_out(self, actor: Actor, origin: Origin) -> int:
        ended = await self._local.sign_out(actor, origin)
        token = self._latest.pop(actor.credential_id, None) if actor.credential is CredentialKind.ACCESS_TOKEN else None
        if token is not None:
            await self._end_there(token.reveal())
        return ended

    async def claims(self, access_token: str) -> AccessClaims:
        """GoTrue's tokens, and those of this server's own users."""
        try:
            return await self._local.claims(access_token)
        except Unauthenticated as error:
            if error.code == "session_expired":
                raise  # one of ours, only too old
        claims = await self._tokens.read(access_token)
        opened = await self._arrivals.session(claims, access_token, NOWHERE)
        self._remember(opened.session.id, access_token)
        return AccessClaims(claims.user_uid, claims.session_uid, claims.expires_at)

    async def forget(self, user_uid: str) -> None:
        """Removes the user at GoTrue; one who is not there is none to remove."""
        await self._gotrue.delete_user(user_uid)

    async def _sign_up(self, newcomer: Newcomer, password: str, origin: Origin) -> NewPerson:
        if self._policy.sign_up is not SignUp.OPEN:
            raise Forbidden("Signing up is closed on this server.", code="sign_up_closed")
        if newcomer.email is None:
            raise Invalid("An e-mail address is needed to sign up here.")
        await self._local.attempts.check_address("sign-up", origin)
        checked_password(password)
        return await self._gotrue.sign_up(newcomer.email, password, full_name=newcomer.display_name)

    async def _email_there(self, login: str, origin: Origin) -> str | None:
        """What GoTrue knows them by; None where this server keeps the password, or there is nobody at all."""
        found = await self._local.password.find(login, origin)
        if found.user is None:
            return login.strip() if "@" in login else None
        return found.user.email if found.password_hash == KEPT_ELSEWHERE else None

    async def _grant(self, email: str, password: str, origin: Origin) -> Grant:
        candidate = await self._local.password.attempt(email, origin)
        try:
            return await self._gotrue.sign_in(email, password)
        except Unauthenticated:
            await self._local.password.record_failure(candidate.user, origin)
            raise

    async def _pair(self, grant: Grant, origin: Origin) -> TokenPair:
        claims = await self._tokens.read(grant.access_token)
        opened = await self._arrivals.session(claims, grant.access_token, origin)
        self._remember(opened.session.id, grant.access_token)
        return TokenPair(
            grant.access_token,
            grant.refresh_token,
            expires_in_seconds=grant.expires_in_seconds,
            session=opened.session,
            user=opened.user,
            account_status=opened.account_status,
        )

    async def _end_there(self, access_token: str) -> None:
        """What has ended here has ended, whatever GoTrue says to it."""
        try:
            await self._gotrue.sign_out(access_token)
        except HearthsideError as error:
            logger.info("a session was not ended at Supabase", extra={"reason": error.code})

    def _remember(self, session_id: int, access_token: str) -> None:
        self._latest[session_id] = Secret(access_token)
        self._latest.move_to_end(session_id)
        if len(self._latest) > REMEMBERED:
            self._latest.popitem(last=False)


def _not_here_yet(new: NewPerson) -> User:
    """A user whose row is made when they have confirmed their address and sign in: until then the id is 0."""
    return User(
        id=0,
        uid=new.person.uid,
        username=None,
        email=new.person.email,
        display_name=new.person.full_name,
        role=Role.USER,
        status=UserStatus.ACTIVE,
        created_at=new.person.created_at,
        last_login_at=None,
    )
