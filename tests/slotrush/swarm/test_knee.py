"""Whether a step of a rising load keeps the objectives."""

import pytest

from slotrush import slo
from slotrush.swarm.knee import StepTally, broken
from slotrush.swarm.standings import Answers

READ, BOOK = "GET /v1/doctors/{id}/agenda", "POST /v1/appointments"


def tally(endpoint: str, good: int, bad: int = 0, refused: int = 0, time_ms: int = 10) -> StepTally:
    found = StepTally()
    found.add({endpoint: Answers(good, refused, bad, {time_ms: good + bad + refused})})
    return found


def names(found: StepTally) -> tuple[str, ...]:
    return broken(found, slo.load(), "breakpoint")


def test_a_step_of_fast_good_answers_breaks_nothing() -> None:
    assert names(tally(READ, 10_000)) == ()


@pytest.mark.parametrize("kind", ["bad", "refused"])
def test_answers_that_were_not_as_promised_break_the_availability(kind: str) -> None:
    assert names(tally(READ, 9_900, **{kind: 100})) == ("availability",)


def test_slow_answers_break_the_latency_of_their_class() -> None:
    (reads,) = names(tally(READ, 10_000, time_ms=2_000))
    (bookings,) = names(tally(BOOK, 10_000, time_ms=2_000))

    assert reads != bookings


def test_too_few_requests_say_nothing() -> None:
    assert names(tally(READ, 0, bad=10, time_ms=9_000)) == ()


def test_dropped_arrivals_are_an_objective_of_every_open_load() -> None:
    step = StepTally(arrivals=1_000, dropped=10)

    assert names(step) == ("dropped-arrivals",)


def test_a_tally_adds_up_what_the_workers_report() -> None:
    found = tally(READ, 5)
    found.add({READ: Answers(3, 1, 1, {10: 4, 20: 1})})

    assert (found.good[READ], found.total[READ], found.times_ms[READ]) == (8, 10, {10: 9, 20: 1})
