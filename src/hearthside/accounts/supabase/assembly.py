"""The parts of Supabase mode, put together from the settings."""

from collections.abc import Callable
from importlib.util import find_spec

from pydantic import SecretStr

from hearthside.accounts.identity import LocalIdentity
from hearthside.accounts.policy import AccountPolicy
from hearthside.accounts.supabase.arrivals import Arrivals
from hearthside.accounts.supabase.client import GoTrue
from hearthside.accounts.supabase.identity import SupabaseIdentity
from hearthside.accounts.supabase.tokens import SupabaseTokens
from hearthside.kit.clock import Clock
from hearthside.kit.db import Database
from hearthside.kit.outbound import Outbound
from hearthside.kit.secret import Secret
from hearthside.settings import Settings, SignUp


def supabase_identity(
    settings: Settings, database: Database, clock: Clock, *, policy: AccountPolicy, outbound: Outbound
) -> Callable[[LocalIdentity], SupabaseIdentity]:
    """What `Accounts` takes as `identity`. Errors: ValueError, in words for people, where something is missing."""
    url = settings.supabase_url or ""
    secret = settings.supabase_jwt_secret
    if find_spec("supabase_auth") is None:
        raise ValueError("SUPABASE_URL is set, but the package for it is missing: pip install 'hearthside[supabase]'")
    if policy.sign_up is SignUp.INVITE:
        raise ValueError("with SUPABASE_URL set there are no invites: HEARTHSIDE_SIGN_UP must be open or closed")
    gotrue = GoTrue(
        url,
        outbound,
        anon_key=_needed(settings.supabase_anon_key, "SUPABASE_ANON_KEY"),
        service_role_key=_needed(settings.supabase_service_role_key, "SUPABASE_SERVICE_ROLE_KEY"),
    )
    tokens = SupabaseTokens(
        f"{gotrue.url}/.well-known/jwks.json",
        outbound,
        clock,
        secret=Secret(secret.get_secret_value()) if secret else None,
    )

    def in_front_of(local: LocalIdentity) -> SupabaseIdentity:
        arrivals = Arrivals(database, clock, gotrue=gotrue, sessions=local.sessions, policy=policy)
        return SupabaseIdentity(local, gotrue=gotrue, tokens=tokens, arrivals=arrivals, policy=policy)

    return in_front_of


def _needed(key: SecretStr | None, name: str) -> Secret:
    if key is None:
        raise ValueError(f"with SUPABASE_URL set, {name} is needed too")
    return Secret(key.get_secret_value())
