"""Where a sweep looks for its limits: that it finds them, in how many probes, and how long it says that takes."""

import numpy as np
import pytest

from slotrush.capacity.bisect import Search, Stop, Verdict
from slotrush.sweep import searching, sweeping
from slotrush.sweep.model import Point, Settings
from tests.slotrush.sweep.swept import CORES, Laboratory, empty, measured


def test_a_sweep_finds_the_limit_of_every_number_of_replicas() -> None:
    settings, errors, inside = Settings(tests_max=14), [], []
    for seed in range(10):
        laboratory = Laboratory(seed)
        for point in measured(settings, laboratory).points:
            limit = laboratory.limit_per_s(point.replicas)
            errors.append(abs(point.rate_per_s.mid / limit - 1))
            inside.append(limit in point.rate_per_s)
            assert len(point.probes) <= settings.tests_max
    assert np.median(errors) < 0.02
    assert np.quantile(errors, 0.95) < 0.07
    assert np.mean(inside) >= 0.85


def test_every_number_of_replicas_has_its_turn_in_each_round() -> None:
    settings = Settings(replicas=(1, 2, 4), tests_max=10, rounds=3)
    assert [(visit.replicas, visit.probes_max) for visit in searching.visits(settings)] == [
        *[(1, 4), (2, 4), (4, 4)],
        *[(4, 7), (2, 7), (1, 7)],
        *[(1, 10), (2, 10), (4, 10)],
    ]


@pytest.mark.parametrize(("rounds", "is_fair"), [(1, False), (3, True)])
def test_a_machine_that_gets_slower_is_unfair_to_no_number_of_replicas_in_rounds(rounds: int, is_fair: bool) -> None:
    """By a fifth, from the first probe to the last, unseen: in one round, the many replicas seem to scale badly."""
    settings = Settings(rounds=rounds)
    fades = 1 - 0.8 ** (1 / (len(settings.replicas) * settings.tests_max))
    bent = []
    for seed in range(5):
        laboratory = Laboratory(seed, fades=fades, sees_pace=False)
        limits = [
            point.rate_per_s.mid / laboratory.limit_per_s(point.replicas)
            for point in measured(settings, laboratory).points
        ]
        bent.append(limits[-1] / limits[0])
    assert (abs(np.mean(bent) - 1) < 0.05) == is_fair


def test_a_visit_is_over_with_its_probes_or_with_the_search() -> None:
    settings = Settings(replicas=(1,), tests_max=6, rounds=2)
    first, second = searching.visits(settings)
    point = Point(1, searching.first(settings, 1, (), CORES))
    laboratory = Laboratory()
    assert searching.is_due(first, None)
    point = laboratory.measure(point, first, settings)
    assert not searching.is_due(first, point)
    assert searching.is_due(second, point)
    assert not searching.is_due(second, laboratory.measure(point, second, settings))


def test_what_fewer_replicas_did_narrows_the_search() -> None:
    settings = Settings(replicas=(1, 2))
    sweep = measured(settings, Laboratory())
    first, second = (point.search for point in sweep.points)
    assert second.highest / second.lowest < first.highest / first.lowest
    assert second.lowest < Laboratory().limit_per_s(2) < second.highest


def test_without_a_quota_the_whole_machine_is_the_highest_guess() -> None:
    guess = searching.first(Settings(cpu_quota_m=None), 1, (), CORES)
    assert guess.highest > searching.first(Settings(cpu_quota_m=100), 1, (), CORES).highest


@pytest.mark.parametrize(("verdict", "stop"), [(Verdict.PASS, Stop.ABOVE), (Verdict.FAIL, Stop.BELOW)])
def test_a_limit_beyond_the_range_is_looked_for_there(verdict: Verdict, stop: Stop) -> None:
    search = Search(20, 40, tests_max=12)
    while search.stop() is None:
        rate = search.next_rate()
        assert rate is not None
        search = search.after(rate, verdict)
    assert search.stop() is stop
    wider = searching.widened(search)
    assert wider.trials == search.trials
    assert wider.next_rate() is not None
    assert (wider.highest > 40) == (verdict is Verdict.PASS)
    assert (wider.lowest < 20) == (verdict is Verdict.FAIL)


def test_a_search_that_has_used_up_its_probes_is_over_wherever_the_limit_is() -> None:
    search = Search(20, 40, tests_max=8)
    for _ in range(8):
        search = searching.widened(search.after(search.next_rate() or search.highest, Verdict.PASS))
    assert len(search.trials) == 8
    assert searching.widened(search) == search
    assert search.next_rate() is None


def test_no_lower_rate_is_tried_than_tells_anything() -> None:
    search = Search(searching.RATE_MIN_PER_S, 4, tests_max=30)
    while search.next_rate() is not None:
        search = searching.widened(search.after(search.next_rate() or 0.0, Verdict.FAIL))
    assert search.lowest == searching.RATE_MIN_PER_S
    assert search.stop() is Stop.BELOW


@pytest.mark.parametrize("rate_per_s", [1, 30, 500])
def test_there_are_users_for_some_seconds_of_arrivals(rate_per_s: float) -> None:
    crowd = searching.crowd_for(rate_per_s)
    assert crowd.patients >= searching.BUSY_S * rate_per_s
    assert crowd.users == crowd.patients + crowd.doctors + crowd.staff
    assert min(crowd.doctors, crowd.staff) > 0


def test_the_time_left_shrinks_to_nothing() -> None:
    settings = Settings(replicas=(1, 2, 3))
    left_s = [searching.seconds_left(settings, empty(settings).points)]
    sweep = measured(settings, Laboratory())
    left_s += [searching.seconds_left(settings, sweep.points[:count]) for count in (1, 2, 3)]
    assert left_s == sorted(left_s, reverse=True)
    assert left_s[-1] == 0
    assert left_s[0] > 3 * settings.tests_max * settings.probe_s


def test_every_swarm_has_a_seed_of_its_own_and_always_the_same() -> None:
    settings = Settings()
    seeds = [sweeping.seed_of(settings, replicas, number) for replicas in settings.replicas for number in range(1, 13)]
    assert len(set(seeds)) == len(seeds)
    assert seeds[0] == sweeping.seed_of(Settings(), 1, 1)
    assert seeds[0] != sweeping.seed_of(Settings(seed=2), 1, 1)
