"""What a plan takes from a sweep."""

from collections.abc import Mapping
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from slotrush.capacity.bisect import Verdict
from slotrush.capacity.planning import Measured
from slotrush.errors import BadInputError
from slotrush.plan.measured import MEMORY_MIN_MIB, Database, bad_share, known
from slotrush.sweep.model import Probe, Settings, Sweep
from tests.slotrush.plan.planned import sweep
from tests.slotrush.sweep.swept import OBJECTIVES, QUOTA_USED_AT_LIMIT, REQUESTS_PER_ARRIVAL, Laboratory, measured


@cache
def of_sweep() -> Measured:
    return known(sweep(), OBJECTIVES, Database(), standbys=1).measured


def changed(of: Sweep, **values: object) -> Sweep:
    """With these values in every probe."""
    points = [
        replace(point, probes=tuple(replace(probe, **values) for probe in point.probes))  # type: ignore[arg-type]
        for point in of.points
    ]
    return replace(of, points=tuple(points))


def test_the_parts_costs_are_those_of_a_request() -> None:
    costs = {use.name: use.cpu.s_per_request for use in of_sweep().tiers}

    assert costs.keys() == {"proxy", "valkey", "postgres"}
    assert costs["postgres"].mid == pytest.approx(0.0002 / REQUESTS_PER_ARRIVAL, rel=0.01)
    assert [component.name for component in of_sweep().components] == ["notifier"]
    assert of_sweep().utilisation_at_limit == pytest.approx(QUOTA_USED_AT_LIMIT, rel=0.03)


def test_idle_work_is_no_cost_of_a_request() -> None:
    """A hundredth of a core that is busy anyway; each of the two proxies has a half of it."""
    points = tuple(
        replace(point, probes=tuple(replace(one, cores=_more(one.cores, 0.01)) for one in point.probes))
        for point in sweep().points
    )
    uses = known(replace(sweep(), points=points), OBJECTIVES, Database(), standbys=1).measured.tiers

    for use, before in zip(uses, of_sweep().tiers, strict=True):
        assert use.cpu.s_per_request.mid == pytest.approx(before.cpu.s_per_request.mid, rel=1e-6)
        more_cores = use.cpu.idle_cores - before.cpu.idle_cores
        assert more_cores == pytest.approx(0.005 if use.name == "proxy" else 0.01)


def _more(cores: Mapping[str, float], idle_cores: float) -> dict[str, float]:
    return {name: busy + idle_cores * (name in ("proxy", "postgres", "valkey")) for name, busy in cores.items()}


def test_the_cost_of_a_request_has_the_interval_of_all_its_measurements() -> None:
    """Readings that scatter by a fifth: their mean is known far better than any of them."""
    rng = np.random.default_rng(3)
    points = tuple(
        replace(
            point,
            probes=tuple(
                replace(one, cores={**one.cores, "postgres": one.cores["postgres"] * rng.uniform(0.8, 1.2)})
                for one in point.probes
            ),
        )
        for point in sweep().points
    )
    (cost,) = [
        use.cpu.s_per_request
        for use in known(replace(sweep(), points=points), OBJECTIVES, Database(), 1).measured.tiers
        if use.name == "postgres"
    ]

    assert 0.0002 / REQUESTS_PER_ARRIVAL in cost
    assert 0.005 < cost.relative_width < 0.1


def test_a_connection_is_lent_for_as_long_as_a_request_lives_at_most() -> None:
    database = of_sweep().database
    assert database is not None
    passed = [probe for point in sweep().points for probe in point.probes if probe.verdict is Verdict.PASS]
    assert database.transaction_s == 0.002
    assert database.lent_s == max(probe.mean_ms or 0.0 for probe in passed) / 1000


def test_without_times_nothing_is_said_of_connections() -> None:
    assert known(changed(sweep(), transactions_s=None), OBJECTIVES, Database(), 1).measured.database is None


def test_memory_is_what_was_seen_and_some_to_spare_and_no_less_than_the_manifests_ask() -> None:
    assert known(sweep(), OBJECTIVES, Database(), 1).pod.memory_mib == MEMORY_MIN_MIB["app"]
    heavy = known(changed(sweep(replicas=(1, 2, 4)), memory_mib={"app": 800.0}), OBJECTIVES, Database(), 1)
    assert heavy.pod.memory_mib == 1008, "800 MiB of one replica and a quarter, in steps of 16"


def test_response_times_rise_with_the_share_of_the_capacity() -> None:
    curve = known(sweep(), OBJECTIVES, Database(), 1).curves["reads"]

    assert curve.times_ms == tuple(sorted(curve.times_ms))
    assert 60 < curve.times_ms[0] < curve.times_ms[-1]
    assert curve.shares[-1] <= 1, "an overload is no state: its times grow with the length of a swarm"


def test_bad_answers_are_counted_over_all_swarms_that_met_the_objectives() -> None:
    def probe(requests: int, availability: float) -> Probe:
        return Probe("run", 10.0, Verdict.PASS, "", "pass", requests=requests, availability=availability)

    some = bad_share([probe(10_000, 1.0), probe(10_000, 0.9998)])
    none = bad_share([probe(20_000, 1.0)])

    assert 1e-4 in some
    assert some.low < 1e-4 < some.high < 4e-4
    assert 0 < none.low < none.mid < none.high < 2e-4


@pytest.mark.parametrize(
    ("of", "reason"),
    [
        (sweep(replicas=(1, 2)), r"2 different loads are too few .*Measure more numbers of replicas"),
        (measured(Settings(cpu_quota_m=None, replicas=(1, 2, 3, 4)), Laboratory()), r"no CPU quota.*--cpu 60m"),
        (
            measured(Settings(replicas=(1, 2, 3, 4)), Laboratory(strangers=1.8)),
            r"1 replica: it is limited by the machine \(1.8 of its 2 cores by other programs\)",
        ),
    ],
    ids=["too few points", "no quota", "a busy machine"],
)
def test_a_sweep_without_a_law_gives_no_plan_but_the_reason(of: Sweep, reason: str) -> None:
    with pytest.raises(BadInputError, match=f"no scaling law.*{reason}"):
        known(of, OBJECTIVES, Database(), 1)
