"""The prices that some servers of OpenAI's protocol put into their lists of models."""

from decimal import Decimal, InvalidOperation
from typing import Any, cast

from hearthside.usage.model import TokenPrices

_MILLION = 1_000_000
_LONGEST_NUMBER = 32
_BEYOND_BELIEF = Decimal(1_000_000)


def to_prices(pricing: Any) -> TokenPrices | None:
    """OpenRouter: `{prompt, completion, input_cache_read}`, texts, dollars for a token (-1 where it depends).
    Together: `{input, output}`, dollars for a million. None where nothing is said that can be understood."""
    if not isinstance(pricing, dict):
        return None
    said = cast("dict[str, Any]", pricing)
    if "prompt" in said or "completion" in said:
        prices = TokenPrices(
            _dollars(said.get("prompt"), _MILLION),
            _dollars(said.get("completion"), _MILLION),
            _dollars(said.get("input_cache_read"), _MILLION),
        )
    else:
        prices = TokenPrices(_dollars(said.get("input"), 1), _dollars(said.get("output"), 1))
        if not prices.input_usd and not prices.output_usd:
            return None  # Together writes 0 for what is not sold by the token
    return None if prices == TokenPrices() else prices


def _dollars(value: Any, tokens: int) -> Decimal | None:
    """`tokens` times the price, as plain as it can be written; None for what is no price."""
    if isinstance(value, bool) or not isinstance(value, (str, int, float)) or len(str(value)) > _LONGEST_NUMBER:
        return None
    try:
        price = Decimal(str(value)) * tokens
    except InvalidOperation:
        return None
    if not price.is_finite() or not 0 <= price < _BEYOND_BELIEF:
        return None
    plain = price.normalize()
    return plain.quantize(Decimal(1)) if cast("int", plain.as_tuple().exponent) > 0 else plain
