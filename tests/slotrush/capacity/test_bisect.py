"""The search for the limit, on simulated systems whose limit differs from one test to the next."""

import json
import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slotrush.capacity.bisect import Search, Stop, Verdict
from slotrush.errors import BadInputError


class System:
    """Passes below its limit, which is another in each test; sometimes it cannot be told, sometimes it is wrong."""

    def __init__(self, limit: float, scatter: float, seed: int, undecided: float = 0.0, wrong: float = 0.0) -> None:
        self.limit, self.scatter, self.undecided, self.wrong = limit, scatter, undecided, wrong
        self.rng = np.random.default_rng(seed)

    def test(self, rate: float) -> Verdict:
        limit = self.limit * math.exp(self.scatter * self.rng.standard_normal())
        if abs(rate / limit - 1) < 0.02 and self.rng.random() < self.undecided:
            return Verdict.UNDECIDED
        passes = (rate < limit) != (self.rng.random() < self.wrong)
        return Verdict.PASS if passes else Verdict.FAIL


def run(search: Search, system: System) -> Search:
    while (rate := search.next_rate()) is not None:
        search = search.after(rate, system.test(rate))
    return search


@pytest.mark.parametrize(
    ("scatter", "undecided", "wrong"),
    [(0.001, 0, 0), (0.02, 0, 0.01), (0.02, 0.3, 0.01), (0.05, 0, 0)],
    ids=["steady", "noisy", "often undecided", "very noisy"],
)
@pytest.mark.parametrize("searches", [20, pytest.param(60, marks=pytest.mark.long)])
def test_the_interval_holds_the_limit(scatter: float, undecided: float, wrong: float, searches: int) -> None:
    rng = np.random.default_rng(8)
    hits, errors, tests = 0, [], []
    for seed in range(searches):
        limit = math.exp(rng.uniform(math.log(150), math.log(700)))
        found = run(Search(100, 1_000), System(limit, scatter, seed, undecided, wrong))
        hits += limit in found.estimate()
        errors.append(abs(found.estimate().mid / limit - 1))
        tests.append(len(found.trials))

    assert hits / searches >= 0.9
    assert np.median(errors) < 0.02
    assert np.quantile(errors, 0.95) < 0.05
    assert max(tests) <= 30


def test_a_steady_system_needs_few_tests() -> None:
    searches = [run(Search(100, 1_000), System(limit, 0.001, seed=0)) for limit in (120, 333, 480, 900)]

    assert all(search.stop() is Stop.PRECISE for search in searches)
    assert max(len(search.trials) for search in searches) <= 20


@pytest.mark.parametrize(
    ("limit", "stop", "interval"),
    [(20, Stop.BELOW, (0, 100, 100)), (9_000, Stop.ABOVE, (1_000, 1_000, math.inf))],
    ids=["below", "above"],
)
def test_a_limit_outside_the_range_is_told_and_no_number_made_up(
    limit: float, stop: Stop, interval: tuple[float, float, float]
) -> None:
    found = run(Search(100, 1_000), System(limit, 0.02, seed=1))

    assert found.stop() is stop
    assert (found.estimate().low, found.estimate().mid, found.estimate().high) == pytest.approx(interval, rel=0.02)
    assert len(found.trials) <= 10


def test_one_wrong_verdict_does_not_mislead_the_search() -> None:
    search = Search(100, 1_000)
    search = search.after(search.next_rate() or 0, Verdict.FAIL)  # though the limit is far above
    found = run(search, System(900, 0.01, seed=2))

    assert 900 in found.estimate()


def test_undecided_tests_alone_end_with_the_budget() -> None:
    search = Search(100, 1_000, tests_max=5)
    while (rate := search.next_rate()) is not None:
        search = search.after(rate, Verdict.UNDECIDED)

    assert search.stop() is Stop.BUDGET
    assert search.estimate() == Search(100, 1_000).estimate()


@settings(max_examples=25, deadline=None)
@given(st.floats(100, 1_000), st.lists(st.sampled_from(Verdict), max_size=12), st.integers(0, 12))
def test_a_search_that_was_interrupted_goes_on_as_if_it_had_not_been(
    highest: float, verdicts: list[Verdict], interrupted: int
) -> None:
    search = resumed = Search(10, highest)
    for index, verdict in enumerate(verdicts):
        rate = search.next_rate()
        assert resumed.next_rate() == rate
        if rate is None:
            break
        assert 10 <= rate <= highest
        search, resumed = search.after(rate, verdict), resumed.after(rate, verdict)
        if index == interrupted:
            resumed = Search.from_json(json.loads(json.dumps(resumed.as_json())))
    assert resumed == search


def test_more_verdicts_at_one_rate_move_the_estimate_to_their_side() -> None:
    passes = [Search(100, 1_000)]
    for _ in range(4):
        passes.append(passes[-1].after(300, Verdict.PASS))

    assert all(later.estimate().low >= earlier.estimate().low for earlier, later in pairwise(passes))
    assert passes[-1].estimate().mid > 300


@pytest.mark.parametrize(
    "settings",
    [
        {"lowest": 0, "highest": 10},
        {"lowest": 10, "highest": 10},
        {"lowest": 1, "highest": math.inf},
        {"lowest": 1, "highest": 10, "tolerance": 0},
        {"lowest": 1, "highest": 10, "tests_max": 0},
    ],
    ids=str,
)
def test_a_range_without_a_search_is_refused(settings: dict[str, float]) -> None:
    with pytest.raises(BadInputError):
        Search(**settings)  # type: ignore[arg-type]


@pytest.mark.parametrize("broken", [{}, {"format": 2}, {"trials": [[1, "maybe"]]}, {"trials": 3}], ids=str)
def test_a_state_that_was_not_written_by_a_search_is_refused(broken: dict[str, object]) -> None:
    state = Search(1, 10).as_json() | broken if broken else {}

    with pytest.raises(BadInputError, match="search state"):
        Search.from_json(state)
