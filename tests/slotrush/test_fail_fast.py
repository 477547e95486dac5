"""What a run says of itself while it goes on, and what is made of it."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slotrush import fail_fast
from slotrush.accounting import Load
from slotrush.errors import BadInputError
from slotrush.live import LiveState, parse_state
from slotrush.swarm.plan import Plan
from slotrush.swarm.scenario import SCENARIOS, Scenario
from slotrush.swarm.standings import Answers, Report, Standings

PLAN = Plan("race", "drop", "http://127.0.0.1:1", "s.json", users=100, doctors=1, seed=1, slots=4)
DROP_US = 1_000_000_000
RACE = SCENARIOS["race"]
WATCHING = fail_fast.watch(RACE, None)


def told(answers: Answers, at_us: int = DROP_US + 1_000_000, done: int = 0, plan: Plan = PLAN) -> LiveState:
    """What live.json says once the workers have reported these answers of one endpoint."""
    standings = Standings(plan, 1, {"patient": plan.users})
    standings.add(Report(0, done=done, published=done // plan.users, answers={"GET /v1/doctors": answers}))
    standings.start_at(DROP_US)
    state = parse_state(json.dumps(standings.live(at_us)).encode())
    assert state is not None
    return state


def test_the_master_tells_what_was_answered_by_endpoint() -> None:
    assert told(Answers(5, 2, 1, {20: 6, 300: 2})).endpoints == {"GET /v1/doctors": (5, 8, {20: 6, 300: 2})}


def test_a_race_whose_requests_fail_is_beyond_saving() -> None:
    """100 patients who ask 5 times each make 500 more, after 600."""
    watching = fail_fast.watch(RACE, None)
    assert fail_fast.missed(watching, told(Answers(599, 1, 0, {20: 600})), None) == ()
    (missed,) = fail_fast.missed(watching, told(Answers(598, 1, 1, {20: 600})), None)
    assert missed.objective == "availability"


@pytest.mark.parametrize(
    "state",
    [
        replace(told(Answers(0, 600, 0, {20: 600})), start_us=None),
        told(Answers(0, 600, 0, {20: 600}), done=100),
        told(Answers(0, 600, 0, {20: 600}), at_us=DROP_US - 1),
    ],
    ids=["connecting", "over", "waiting"],
)
def test_nothing_is_beyond_saving_before_it_begins_nor_when_it_is_over(state: LiveState) -> None:
    assert fail_fast.missed(fail_fast.watch(RACE, None), state, None) == ()


def test_memory_is_that_of_one_replica() -> None:
    state = told(Answers(600, 0, 0, {20: 600}))
    watching = fail_fast.watch(RACE, None)
    assert fail_fast.missed(watching, state, Load(0.5, memory_bytes=2 * 200 * 2**20, processes=2)) == ()
    (missed,) = fail_fast.missed(watching, state, Load(0.5, memory_bytes=2 * 300 * 2**20, processes=2))
    assert str(missed) == (
        "replica-memory is beyond saving: a replica held 300.0 MiB, and at most 256.0 MiB are allowed"
    )


@pytest.mark.parametrize(
    ("scenario", "problem"),
    [
        (SCENARIOS["breakpoint"], "goes on until an objective breaks anyway"),
        (replace(SCENARIOS["soak"], run_time_s=None), "the load has no end"),
        (replace(SCENARIOS["steady_day"], run_time_s=None, arrivals="poisson:5"), "the load has no end"),
    ],
    ids=["until broken", "users without end", "arrivals without end"],
)
def test_a_load_whose_end_nobody_knows_is_refused(scenario: Scenario, problem: str) -> None:
    with pytest.raises(BadInputError, match=problem):
        fail_fast.watch(scenario, None)


def test_arrivals_that_end_are_an_end() -> None:
    fail_fast.watch(replace(SCENARIOS["steady_day"], run_time_s=None, arrivals="poisson:5@1m"), None)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["good", "total", "times_ms"]), inner),
    max_leaves=8,
)


@given(JSON)
def test_whatever_the_file_holds_ends_no_run(endpoints: object) -> None:
    state = parse_state(json.dumps({"phase": "racing", "endpoints": {"GET /x": endpoints}}).encode())
    assert state is not None
    assert fail_fast.missed(WATCHING, replace(state, start_us=0, at_us=1), None) == ()
