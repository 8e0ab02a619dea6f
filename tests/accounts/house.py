"""The accounts of one process as the tests use them: a clock that stands still, and a hasher that counts."""

from collections.abc import Callable
from dataclasses import dataclass, field

from sqlalchemy.ext.asyncio import AsyncConnection

from hearthside.accounts.access_tokens import AccessTokens
from hearthside.accounts.cache import ActorCache
from hearthside.accounts.deletion import Deletion
from hearthside.accounts.model import NewSession, Origin, User
from hearthside.accounts.passwords import QuickHasher
from hearthside.accounts.policy import AccountPolicy
from hearthside.accounts.presence import Presence
from hearthside.accounts.profiles import Profiles
from hearthside.accounts.resolver import Credentials, Resolver
from hearthside.accounts.service import Accounts
from hearthside.accounts.session_secrets import SessionSecrets
from hearthside.kit.actor import Actor, Role
from hearthside.kit.clock import ManualClock
from hearthside.kit.db import Database
from hearthside.kit.keys import MasterKey
from hearthside.kit.limits import RateLimiter
from hearthside.settings import SignUp

PASSWORD = "correct horse"
HOME = Origin(address="192.0.2.7", user_agent="Firefox")


@dataclass
class Runner:
    """Something that runs for people: whom it was told to stop for, in the transaction and after it."""

    asked: list[int] = field(default_factory=list)
    told: list[int] = field(default_factory=list)

    async def stop_all(self, connection: AsyncConnection, user_id: int) -> Callable[[], None]:
        self.asked.append(user_id)
        return lambda: self.told.append(user_id)


@dataclass
class House:
    """The parts as the composition root puts them together."""

    database: Database
    policy: AccountPolicy = field(default_factory=lambda: AccountPolicy(sign_up=SignUp.OPEN))
    clock: ManualClock = field(default_factory=ManualClock)
    hasher: QuickHasher = field(default_factory=QuickHasher)
    keys: MasterKey = field(default_factory=lambda: MasterKey(bytes(32)))

    def __post_init__(self) -> None:
        self.signer, self.secrets = AccessTokens(self.keys, self.clock), SessionSecrets(self.keys)
        self.cache = ActorCache(self.clock)
        self.presence = Presence(self.database, self.clock)
        self.accounts = Accounts(
            self.database,
            self.clock,
            hasher=self.hasher,
            signer=self.signer,
            secrets=self.secrets,
            policy=self.policy,
            limiter=RateLimiter(self.clock),
            cache=self.cache,
        )
        self.resolver = Resolver(
            self.database,
            self.clock,
            signer=self.signer,
            secrets=self.secrets,
            policy=self.policy,
            cache=self.cache,
            presence=self.presence,
        )

        self.profiles = Profiles(self.database, self.clock)
        self.runner = Runner()
        self.deletion = Deletion(self.database, self.clock, policy=self.policy, cache=self.cache, runners=[self.runner])

    async def user(self, name: str, *, admin: bool = False) -> User:
        role = Role.ADMIN if admin else Role.USER
        return await self.accounts.operator.create_user(name, email=None, password=PASSWORD, role=role)

    async def signed_in(self, name: str, *, admin: bool = False) -> tuple[NewSession, Actor]:
        """A new user and their first session."""
        await self.user(name, admin=admin)
        return await self.sign_in(name)

    async def sign_in(self, name: str, *, origin: Origin = HOME) -> tuple[NewSession, Actor]:
        new = await self.accounts.sign_in(name, PASSWORD, origin=origin)
        return new, await self.resolver.resolve(Credentials(cookie=new.cookie))

    async def by_cookie(self, new: NewSession) -> Actor:
        return await self.resolver.resolve(Credentials(cookie=new.cookie))

    async def by_token(self, token: str) -> Actor:
        return await self.resolver.resolve(Credentials(bearer=token))
