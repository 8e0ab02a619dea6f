"""What was used: requests, messages and tokens, by user and day (UTC)."""

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True)
class DayUsage:
    """`requests` are generations, `messages` those that the user sent. Tokens are estimates where nobody counted."""

    user_id: int
    day: date
    requests: int = 0
    messages: int = 0
    input_tokens: int = 0
    output_tokens: int = 0

    @property
    def total_tokens(self) -> int:
        return self.input_tokens + self.output_tokens


@dataclass(frozen=True, slots=True)
class Quotas:
    """What one user may use in a day; 0: no limit."""

    daily_messages: int = 0
    daily_tokens: int = 0
