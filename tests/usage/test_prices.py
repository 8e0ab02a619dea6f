"""The price list: what it knows, what it does not, and that nobody pays for it who does not ask."""

import subprocess
import sys

import pytest

from hearthside.kit.clock import SystemClock
from hearthside.usage.model import TokenPrices
from hearthside.usage.prices import BundledPrices

OPENAI = "https://api.openai.com/v1"


@pytest.fixture
def prices() -> BundledPrices:
    return BundledPrices(SystemClock())


async def test_a_well_known_model(prices: BundledPrices) -> None:
    facts = await prices.facts(OPENAI, ["gpt-4o-mini", "gpt-4o"])
    assert facts["gpt-4o-mini"].context_tokens == 128_000
    small, large = facts["gpt-4o-mini"].prices, facts["gpt-4o"].prices
    assert small is not None
    assert large is not None
    assert small.input_usd is not None
    assert large.input_usd is not None
    assert 0 < small.input_usd < large.input_usd < 1000, "dollars for a million tokens"


async def test_prices_in_tiers_begin_with_the_lowest(prices: BundledPrices) -> None:
    facts = await prices.facts("https://generativelanguage.googleapis.com/v1beta", ["gemini-2.5-pro"])
    known = facts["gemini-2.5-pro"].prices
    assert known is not None
    assert known.input_usd is not None
    assert known.output_usd is not None
    assert 0 < known.input_usd < known.output_usd


async def test_an_unknown_model_is_unknown(prices: BundledPrices) -> None:
    assert await prices.facts(OPENAI, ["nobody-knows-this"]) == {}


async def test_a_price_belongs_to_an_address(prices: BundledPrices) -> None:
    assert await prices.facts("https://llm.example/v1", ["gpt-4o"]) == {}
    assert await prices.facts("http://127.0.0.1:11434", ["gpt-4o"]) == {}


async def test_what_has_no_price_is_not_free(prices: BundledPrices) -> None:
    """The table lists some models without a price of their input; none of those comes out as 0."""
    facts = await prices.facts(OPENAI, ["gpt-live-1", "whisper-1", "text-embedding-3-small"])
    assert facts["gpt-live-1"].prices is None
    embedding = facts["text-embedding-3-small"].prices
    assert embedding is not None
    assert embedding == TokenPrices(input_usd=embedding.input_usd)


def test_the_table_is_not_loaded_with_the_server() -> None:
    script = "import sys, hearthside.app; sys.exit('genai_prices' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
