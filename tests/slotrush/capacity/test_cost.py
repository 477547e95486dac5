"""Monthly costs of plans, in both currencies."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slotrush.capacity.cost import Exchange, NodeOffer, PodOffer, PodSize, Prices, Sizing, monthly_cost
from slotrush.errors import BadInputError

TODAY = date(2026, 11, 21)
PODS = PodOffer(
    "pods",
    "Pods",
    "USD",
    0.0,
    TODAY,
    "a test",
    0.04,
    0.004,
    256,
    (PodSize(250, 512, 512, 512), PodSize(1000, 2048, 4096, 1024)),
)
NODES = NodeOffer("nodes", "Nodes", "BRL", 0.5, TODAY, "a test", 1.0, 4000, 16_000, 50, 2)
PRICES = Prices(Path("prices.toml"), Exchange(5.0, TODAY, "a test"), {"pods": PODS, "nodes": NODES})


def test_a_pod_pays_for_the_smallest_size_that_holds_it() -> None:
    """150m and 256 MiB with 256 MiB of overhead fit 250m and 512 MiB: (0.25 x 0.04 + 0.5 x 0.004) x 10 x 730 h."""
    cost = monthly_cost(PRICES, "pods", [Sizing(10, 150, 256)])

    assert cost.usd == pytest.approx(0.012 * 10 * 730)
    assert cost.brl == pytest.approx(5 * cost.usd)
    assert cost.billed == "10 x 250m, 512 MiB"


def test_a_pod_that_is_a_mebibyte_too_big_pays_for_the_next_size() -> None:
    assert monthly_cost(PRICES, "pods", [Sizing(1, 150, 257)]).billed == "1 x 1000m, 2048 MiB"
    assert monthly_cost(PRICES, "pods", [Sizing(1, 1000, 1793)]).billed == "1 x 1000m, 3072 MiB"


def test_nodes_are_paid_whole_and_so_is_what_runs_anyway() -> None:
    """4000m hold 8 pods of 500m; 17 pods need 3 nodes."""
    cost = monthly_cost(PRICES, "nodes", [Sizing(17, 500, 512)], hours=100)

    assert cost.billed == "3 nodes for 17 pods"
    assert cost.brl == pytest.approx((3 * 1.0 + 0.5) * 100)
    assert cost.usd == pytest.approx(cost.brl / 5)


def test_one_node_is_never_alone() -> None:
    assert monthly_cost(PRICES, "nodes", [Sizing(1, 500, 512)]).billed.startswith("2 nodes")


@given(st.integers(1, 500), st.integers(1, 1000), st.integers(1, 3_840), st.floats(0, 729))
def test_more_of_anything_never_costs_less(replicas: int, cpu_m: int, memory_mib: int, hours: float) -> None:
    sizing, another = Sizing(replicas, cpu_m, memory_mib), Sizing(1, 250, 128)
    for offer in PRICES.offers:
        cost = monthly_cost(PRICES, offer, [sizing], hours)
        for more, longer in (
            ([replace(sizing, replicas=replicas + 1)], hours),
            ([sizing, another], hours),
            ([sizing], hours + 1),
        ):
            assert monthly_cost(PRICES, offer, more, longer).usd >= cost.usd
        assert cost.brl == pytest.approx(5 * cost.usd)


def test_pods_of_several_sizes_share_nodes() -> None:
    """Half a node of the one and half of the other, and what is more than two nodes a third."""
    half, other = Sizing(4, 500, 512), Sizing(2, 1000, 3500)

    assert monthly_cost(PRICES, "nodes", [half, other]).billed == "2 nodes for 6 pods"
    assert monthly_cost(PRICES, "nodes", [half, other, Sizing(8, 500, 512)]).billed == "2 nodes for 14 pods"
    assert monthly_cost(PRICES, "nodes", [half, other, Sizing(9, 500, 512)]).billed == "3 nodes for 15 pods"
    assert monthly_cost(PRICES, "pods", [half, other]).billed == "4 x 1000m, 2048 MiB + 2 x 1000m, 4096 MiB"


@pytest.mark.parametrize("offer", ["pods", "nodes"])
def test_a_pod_that_fits_nowhere_is_refused(offer: str) -> None:
    with pytest.raises(BadInputError, match="fits no size"):
        monthly_cost(PRICES, offer, [Sizing(1, 8_000, 512)])


def test_an_unknown_offer_is_named_with_those_that_exist() -> None:
    with pytest.raises(BadInputError, match=r"no offer 'fargate', only pods, nodes"):
        monthly_cost(PRICES, "fargate", [Sizing(1, 100, 100)])


@pytest.mark.parametrize("field", ["replicas", "cpu_m", "memory_mib"])
def test_a_sizing_of_nothing_is_refused(field: str) -> None:
    with pytest.raises(BadInputError, match="cannot be priced"):
        monthly_cost(PRICES, "pods", [replace(Sizing(1, 100, 100), **{field: 0})])


@pytest.mark.parametrize("hours", [-1, 731])
def test_a_month_has_so_many_hours(hours: float) -> None:
    with pytest.raises(BadInputError, match="a month has no"):
        monthly_cost(PRICES, "pods", [Sizing(1, 100, 100)], hours)
