"""What was used: requests, messages and tokens, by user and day (UTC); and what tokens cost."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal


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


@dataclass(frozen=True, slots=True)
class TokenPrices:
    """US dollars for a million tokens. None: not known, which is never the same as free (0).

    Where a price grows with the length of the prompt, this is what short prompts pay.
    """

    input_usd: Decimal | None = None
    output_usd: Decimal | None = None
    cached_input_usd: Decimal | None = None


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """What the price list knows of a model. `context_tokens` None: not known; `prices` None: none of them is."""

    context_tokens: int | None = None
    prices: TokenPrices | None = None
