"""The price file: the example that is shipped, and what is said of broken ones."""

from pathlib import Path

import pytest

from slotrush.capacity.cost import Sizing, monthly_cost
from slotrush.capacity.prices import EXAMPLE_PRICES, read_prices
from slotrush.errors import BadInputError

EXAMPLE = EXAMPLE_PRICES.read_text("utf-8")


def test_the_example_prices_a_plan_by_every_offer_and_says_where_each_price_is_from() -> None:
    prices = read_prices()

    assert set(prices.offers) == {"fargate-sa-east-1", "eks-node-us-east-1"}
    assert "EXAMPLES TO CHECK" in EXAMPLE
    for name, offer in prices.offers.items():
        assert offer.source
        assert monthly_cost(prices, name, [Sizing(28, 150, 256)]).brl > 0


def test_ten_small_replicas_on_fargate_cost_what_a_calculator_says() -> None:
    """10 x (0.25 x 0.0696 + 0.5 x 0.0076) + 0.10 dollars an hour, for 730 hours."""
    assert monthly_cost(read_prices(), "fargate-sa-east-1", [Sizing(10, 150, 256)]).usd == pytest.approx(227.76)


BROKEN = {
    "a missing price": ("vcpu_hour = 0.0696\n", "", "offer fargate-sa-east-1: vcpu_hour is missing"),
    "a price in words": ("0.0696", '"cheap"', "vcpu_hour = 'cheap' is no price"),
    "a negative price": ("0.192", "-0.192", "node_hour = -0.192 is no price"),
    "a free node": ("0.192", "0", "node_hour = 0 is no price"),
    "truth as a price": ("0.192", "true", "node_hour = True is no price"),
    "no exchange rate": ("brl_per_usd = 5.5024\n", "", r"\[exchange\]: brl_per_usd is missing"),
    "an undated rate": ("read_on = 2025-12-30\n", "", r"\[exchange\]: read_on is missing"),
    "a date in quotes": ("read_on = 2025-12-30", 'read_on = "2025-12-30"', "is no day"),
    "a currency that is not known": ('currency = "USD"', 'currency = "EUR"', "currency 'EUR' is unknown"),
    "a kind that is not known": ('\nkind = "node"', '\nkind = "planet"', "kind 'planet' is unknown"),
    "a misspelt name": ("node_hour", "node_houre", "node_hour is missing"),
    "something unknown": ("nodes_min = 2", "nodes_min = 2\ndiscount = 0.5", "unknown: discount"),
    "half a step": ("memory_mib_step = 512", "memory_mib_step = 0.5", "memory_mib_step = 0.5 cannot be"),
    "no step": ("memory_mib_step = 512", "memory_mib_step = 0", "memory_mib_step = 0 cannot be"),
    "a third of a node": ("nodes_min = 2", "nodes_min = 0.3", "nodes_min = 0.3 cannot be"),
    "half an overhead": ("overhead_memory_mib = 256", "overhead_memory_mib = 0.5", "overhead_memory_mib = 0.5 cannot"),
    "two of one name": (
        'name = "eks-node-us-east-1"',
        'name = "fargate-sa-east-1"',
        "2 offers are named 'fargate-sa-east-1'",
    ),
    "no source": ('source = "Banco', 'origin = "Banco', "source is missing"),
    "not TOML": ("[exchange]", "[exchange", "is not TOML"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_file_is_refused_by_the_name_of_what_is_wrong(tmp_path: Path, case: str) -> None:
    old, new, complaint = BROKEN[case]
    assert old in EXAMPLE
    path = tmp_path / "my-prices.toml"
    path.write_text(EXAMPLE.replace(old, new, 1), "utf-8")

    with pytest.raises(BadInputError, match=complaint) as refused:
        read_prices(path)

    assert "my-prices.toml" in str(refused.value)


def test_a_missing_file_and_one_without_offers_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="cannot be read"):
        read_prices(tmp_path / "none.toml")

    path = tmp_path / "empty.toml"
    path.write_text(EXAMPLE[: EXAMPLE.index("[[offer]]")], "utf-8")
    with pytest.raises(BadInputError, match="offer is missing"):
        read_prices(path)
