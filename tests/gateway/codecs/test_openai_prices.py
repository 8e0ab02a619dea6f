"""Prices as OpenRouter and Together write them. Unit tests: what is read here is shown to people as it is."""

from decimal import Decimal
from typing import Any

import pytest

from hearthside.gateway.codecs.openai_catalogue import to_models
from hearthside.gateway.codecs.openai_prices import to_prices
from hearthside.usage.model import TokenPrices
from hearthside.wire.openai_chat import decode_models


def test_openrouter_writes_dollars_for_a_token() -> None:
    said = {"prompt": "0.00000015", "completion": "0.0000006", "input_cache_read": "0.000000075", "image": "0"}
    assert to_prices(said) == TokenPrices(Decimal("0.15"), Decimal("0.6"), Decimal("0.075"))


def test_together_writes_dollars_for_a_million() -> None:
    assert to_prices({"input": 0.18, "output": 30, "hourly": 0}) == TokenPrices(Decimal("0.18"), Decimal(30))


def test_a_price_is_written_plainly() -> None:
    prices = to_prices({"prompt": "0.00003", "completion": "0.00006"})
    assert prices is not None
    assert (str(prices.input_usd), str(prices.output_usd)) == ("30", "60")


def test_free_at_openrouter_is_free() -> None:
    assert to_prices({"prompt": "0", "completion": "0"}) == TokenPrices(Decimal(0), Decimal(0))


@pytest.mark.parametrize(
    "said",
    [
        None,
        "cheap",
        {},
        {"prompt": "-1", "completion": "-1"},
        {"prompt": "soon"},
        {"prompt": "NaN", "completion": "Infinity"},
        {"prompt": "1e30"},
        {"prompt": "9" * 100},
        {"prompt": True},
        {"prompt": ["0.1"]},
        {"input": 0, "output": 0},
    ],
)
def test_what_is_no_price_is_unknown(said: Any) -> None:
    assert to_prices(said) is None


def test_half_a_price_is_half_known() -> None:
    assert to_prices({"prompt": "0.000001", "completion": "?"}) == TokenPrices(Decimal(1), None)


def test_a_catalogue_carries_them() -> None:
    (model,) = to_models(decode_models(b'{"data": [{"id": "a/b", "pricing": {"prompt": "0.000002"}}]}'))
    assert model.prices == TokenPrices(Decimal(2))


def test_openais_own_limits_are_known_by_name() -> None:
    (model,) = to_models(decode_models(b'{"data": [{"id": "gpt-4o-mini"}]}'))
    assert (model.capabilities.max_context_tokens, model.max_output_tokens) == (128_000, 16_384)
