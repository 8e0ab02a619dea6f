"""The services of the slice, put together: they share a cache, which what revokes clears, and the server's keys."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from hearthside.accounts.access_tokens import AccessTokens
from hearthside.accounts.cache import ActorCache
from hearthside.accounts.deletion import Deletion, OnDeletion
from hearthside.accounts.identity import IdentityProvider, LocalIdentity
from hearthside.accounts.passwords import PasswordHasher
from hearthside.accounts.policy import AccountPolicy
from hearthside.accounts.presence import Presence
from hearthside.accounts.profiles import Profiles
from hearthside.accounts.resolver import Resolver
from hearthside.accounts.service import Accounts
from hearthside.accounts.session_secrets import SessionSecrets
from hearthside.kit.clock import Clock
from hearthside.kit.db import Database
from hearthside.kit.keys import MasterKey
from hearthside.kit.limits import RateLimiter
from hearthside.kit.outbound import Outbound
from hearthside.settings import Settings


@dataclass(frozen=True, slots=True)
class People:
    accounts: Accounts
    resolver: Resolver
    profiles: Profiles
    deletion: Deletion


def assemble(
    settings: Settings,
    database: Database,
    clock: Clock,
    *,
    keys: MasterKey,
    hasher: PasswordHasher,
    limiter: RateLimiter,
    presence: Presence,
    outbound: Outbound,
    runners: Sequence[OnDeletion] = (),
) -> People:
    """`runners` are stopped when somebody asks for the deletion of their account. Errors: ValueError, in words for
    people, where the settings do not go together.
    """
    policy = AccountPolicy.from_settings(settings)
    cache, signer, secrets = ActorCache(clock), AccessTokens(keys, clock), SessionSecrets(keys)
    accounts = Accounts(
        database,
        clock,
        hasher=hasher,
        signer=signer,
        secrets=secrets,
        policy=policy,
        limiter=limiter,
        cache=cache,
        identity=_identity(settings, database, clock, policy, outbound),
    )
    resolver = Resolver(
        database,
        clock,
        signer=signer,
        secrets=secrets,
        policy=policy,
        cache=cache,
        presence=presence,
        tokens=accounts.identity,
    )
    deletion = Deletion(database, clock, policy=policy, cache=cache, runners=runners)
    return People(accounts, resolver, Profiles(database, clock), deletion)


def _identity(
    settings: Settings, database: Database, clock: Clock, policy: AccountPolicy, outbound: Outbound
) -> Callable[[LocalIdentity], IdentityProvider]:
    """This server keeps people's passwords itself unless the settings name a Supabase project."""
    if settings.supabase_url is None:
        return lambda local: local
    from hearthside.accounts.supabase.assembly import supabase_identity  # noqa: PLC0415 - for those who use it

    return supabase_identity(settings, database, clock, policy=policy, outbound=outbound)
