"""The rules that a server's settings give to accounts."""

from dataclasses import dataclass
from datetime import timedelta

from hearthside.kit.secret import Secret
from hearthside.settings import Settings, SignUp


@dataclass(frozen=True, slots=True)
class AccountPolicy:
    """Who may sign up, how long a session lives, how often a password may be tried, when a deleted account is gone.

    `bootstrap_token` None: a random one is made and shown once, at the first start.
    """

    sign_up: SignUp = SignUp.INVITE
    session_life: timedelta = timedelta(days=7)
    session_idle: timedelta = timedelta(hours=72)
    sign_in_attempts_per_minute: int = 10
    deletion_grace: timedelta = timedelta(days=30)
    bootstrap_token: Secret | None = None

    @classmethod
    def from_settings(cls, settings: Settings) -> "AccountPolicy":
        token = settings.bootstrap_token
        return cls(
            sign_up=settings.effective_sign_up,
            session_life=timedelta(days=settings.session_days),
            session_idle=timedelta(hours=settings.session_idle_hours),
            sign_in_attempts_per_minute=settings.sign_in_attempts_per_minute,
            deletion_grace=timedelta(days=settings.deletion_grace_days),
            bootstrap_token=Secret(token.get_secret_value()) if token else None,
        )
