"""How often a password, a sign-up or a bootstrap token may be tried."""

from hearthside.accounts.model import Origin
from hearthside.accounts.policy import AccountPolicy
from hearthside.kit.limits import RateLimiter, address_key


class Attempts:
    """Slows guessing down and locks nobody out.

    An account's count is shared by all addresses that it was never used from. Addresses that its person has signed in
    from count for themselves: a stranger who keeps trying cannot keep them from their own account there.
    """

    def __init__(self, limiter: RateLimiter, policy: AccountPolicy) -> None:
        self._limiter = limiter
        self._per_minute = policy.sign_in_attempts_per_minute

    async def check_address(self, what: str, origin: Origin) -> None:
        """Errors: RateLimited, as for the others."""
        await self._limiter.check(f"{what}-address", address_key(origin.address), per_minute=self._per_minute)

    async def check_account(self, login_key: str, origin: Origin, *, known_address: bool) -> None:
        key = f"{login_key}|{address_key(origin.address)}" if known_address else login_key
        await self._limiter.check("sign-in-account", key, per_minute=self._per_minute)

    async def check_user(self, what: str, user_id: int) -> None:
        await self._limiter.check(f"{what}-user", str(user_id), per_minute=self._per_minute)
