"""Who keeps people's passwords and hands out their tokens: this server itself, or a Supabase project.

`IdentityProvider` is all that the rest of the house sees of it; `LocalIdentity` is this server. Sessions, API tokens,
profiles and everything else are kept here in both cases.
"""

from dataclasses import dataclass
from typing import Protocol

from hearthside.accounts.access_tokens import AccessClaims, AccessTokens
from hearthside.accounts.attempts import Attempts
from hearthside.accounts.model import NewSession, Origin, SignedUp, TokenPair, User
from hearthside.accounts.registration import Newcomer, Registration
from hearthside.accounts.sessions import Sessions
from hearthside.accounts.sign_in import SignIn, TokenPairs
from hearthside.kit.actor import Actor


@dataclass(frozen=True, slots=True)
class Registered:
    """A new user. Not confirmed: they cannot sign in before they have answered a letter to their e-mail address."""

    user: User
    is_confirmed: bool = True


class IdentityProvider(Protocol):
    """What these raise is told at `Accounts`, which has the same methods."""

    async def sign_up(
        self, newcomer: Newcomer, password: str, *, invite_code: str | None, origin: Origin
    ) -> Registered: ...

    async def sign_up_for_tokens(
        self, newcomer: Newcomer, password: str, *, invite_code: str | None, origin: Origin
    ) -> SignedUp: ...

    async def sign_in(self, login: str, password: str, origin: Origin) -> NewSession: ...

    async def issue_tokens(self, login: str, password: str, origin: Origin) -> TokenPair: ...

    async def refresh(self, refresh_token: str, origin: Origin) -> TokenPair: ...

    async def sign_out(self, actor: Actor, origin: Origin) -> int: ...

    async def forget(self, user_uid: str) -> None:
        """Removes the user wherever else than in the database they are kept. Errors: any; it is tried again."""
        ...

    async def claims(self, access_token: str) -> AccessClaims:
        """Whose token it is and of which session, which is there. Errors: Unauthenticated."""
        ...


class LocalIdentity:
    """`attempts`, `password` and `sessions` are for whoever stands in front of this one."""

    def __init__(
        self,
        *,
        attempts: Attempts,
        registration: Registration,
        password: SignIn,
        pairs: TokenPairs,
        sessions: Sessions,
        signer: AccessTokens,
    ) -> None:
        self.attempts = attempts
        self.password = password
        self.sessions = sessions
        self._registration = registration
        self._pairs = pairs
        self._signer = signer

    async def sign_up(
        self, newcomer: Newcomer, password: str, *, invite_code: str | None, origin: Origin
    ) -> Registered:
        user = await self._registration.sign_up(newcomer, password, invite_code=invite_code, origin=origin)
        return Registered(user)

    async def sign_up_for_tokens(
        self, newcomer: Newcomer, password: str, *, invite_code: str | None, origin: Origin
    ) -> SignedUp:
        user = await self._registration.sign_up(newcomer, password, invite_code=invite_code, origin=origin)
        tokens = await self._pairs.start(user, origin)
        return SignedUp(tokens.user, tokens)

    async def sign_in(self, login: str, password: str, origin: Origin) -> NewSession:
        return await self.password.session(login, password, origin)

    async def issue_tokens(self, login: str, password: str, origin: Origin) -> TokenPair:
        return await self._pairs.issue(login, password, origin)

    async def refresh(self, refresh_token: str, origin: Origin) -> TokenPair:
        return await self._pairs.refresh(refresh_token, origin)

    async def sign_out(self, actor: Actor, origin: Origin) -> int:
        return await self.sessions.sign_out(actor, origin)

    async def forget(self, user_uid: str) -> None:
        """There is nothing elsewhere."""

    async def claims(self, access_token: str) -> AccessClaims:
        return self._signer.read(access_token)
