"""Whether a run that goes on can still keep its objectives. Pure: fed with what the generator tells while it runs.

An objective is beyond saving when its error budget for the whole run is spent, even if every request to come were good
and fast. Where workers report in time, no more is counted as bad than `slotrush gate` will count. What is to come is an
estimate, meant to be too high.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from slotrush.gate import window
from slotrush.slo import Availability, Figure, Latency, Limit, Objective, Objectives, TimedFrom
from slotrush.slo.keeping import REQUESTS_MIN

ASKS_PER_PATIENT: Final = 5
"""How often a patient of a drop is taken to ask who has no last answer yet. Measured where nothing failed, one run
each: 2.2 to 2.7 times in races of 400, 500 and 4,000 patients, 1.8 to 2.2 where 400 and 2,000 wanted one doctor."""
SPARE: Final = 1.5
"""So many times what the rate so far promises may still come: a target that recovers is asked more often."""
JUDGED_S_MIN: Final = window.STEADY_S_MIN + 2
"""A gate finds a steady state in a run that ends now: it judges whole seconds, and so loses up to one at each end."""
REPORT_LAG_S: Final = 1.0
"""Workers report once a second, so what is counted is up to so much older than the moment at which it is."""

Rate = Callable[[float], float]
"""Arrivals per second, by the seconds since the start."""


class Counted(NamedTuple):
    """Requests of one endpoint: answered as promised, of all, and how many took how long, by Locust's rounded ms."""

    good: int
    total: int
    times_ms: Mapping[int, int]


@dataclass(frozen=True)
class Seen:
    """What is known of a run at one moment, `at_s` seconds after everyone began.

    `until_s` is when it will be over, None for a drop, which is over when all `patients` are `done`. `endpoints` counts
    everything since the run began. `replica_bytes` is the memory of a replica, None where it is not measured.
    """

    at_s: float
    until_s: float | None
    patients: int
    done: int
    endpoints: Mapping[str, Counted]
    replica_bytes: float | None = None


@dataclass(frozen=True)
class Missed:
    """An objective that is beyond saving, and why."""

    objective: str
    reason: str

    def __str__(self) -> str:
        return f"{self.objective} is beyond saving: {self.reason}"


class Watch:
    """Looks at a run again and again, and leaves out what a gate does not judge, as its warm-up."""

    def __init__(self, objectives: Objectives, scenario: str, rate: Rate = lambda _: 1.0) -> None:
        """`rate`: of the arrivals, of an open load; where users think, it is taken for even."""
        self._objectives, self._scenario, self._rate = objectives, scenario, rate
        self._before: Mapping[str, Counted] = {}

    def look(self, seen: Seen) -> tuple[Missed, ...]:
        """The objectives that can no longer be kept."""
        from_s = window.warm_up_s(seen.until_s) if seen.until_s is not None else 0.0
        steady_s = seen.at_s - from_s
        if steady_s < (REPORT_LAG_S if seen.until_s is not None else 0.0):
            self._before = seen.endpoints
            return ()
        wanted = self._objectives.of(self._scenario)
        heavy = tuple(_too_heavy(wanted, seen.replica_bytes))
        if seen.until_s is not None and steady_s < JUDGED_S_MIN + window.cool_down_s(seen.at_s):
            return ()
        counted = {name: _since(self._before.get(name), now) for name, now in seen.endpoints.items()}
        expected = _of_a_drop(seen) if seen.until_s is None else self._of_a_load(seen, from_s)
        return (*beyond_saving(self._objectives, self._scenario, counted, expected), *heavy)

    def _of_a_load(self, seen: Seen, from_s: float) -> Callable[[int], float]:
        assert seen.until_s is not None
        done = _amount(self._rate, from_s, seen.at_s)
        to_come = _amount(self._rate, seen.at_s, seen.until_s)
        return lambda requests: requests * (1 + SPARE * to_come / done) if done else float("inf")


def beyond_saving(
    objectives: Objectives, scenario: str, counted: Mapping[str, Counted], expected: Callable[[int], float]
) -> Iterator[Missed]:
    """The objectives whose budget is spent. `expected`: from requests so far to those at the end, at most."""
    for one in objectives.of(scenario):
        if one.skip or not isinstance(one, Availability | Latency):
            continue
        covered = [counts for name, counts in counted.items() if objectives.covers(one.endpoints, name)]
        requests, bad = sum(counts.total for counts in covered), sum(_surely_bad(one, counts) for counts in covered)
        at_the_end = expected(requests)
        budget = (1 - one.target) * at_the_end
        if requests >= REQUESTS_MIN and bad > budget:
            within = f" within {one.threshold_ms:,.10g} ms" if isinstance(one, Latency) else ""
            yield Missed(
                one.name,
                f"{bad:,} of {requests:,} requests were not answered as promised{within}, and of the"
                f" {at_the_end:,.0f} that are expected at most {budget:,.0f} may be",
            )


def surely_late(times_ms: Mapping[int, int], threshold_ms: float) -> int:
    """How many times are not under the threshold whatever they were before Locust rounded them to two digits."""
    return sum(count for time_ms, count in times_ms.items() if _least_ms(time_ms) >= threshold_ms)


def _least_ms(rounded_ms: int) -> float:
    """The least time that Locust rounds to this one: to 1 ms up to 100 ms, to 10 up to 1 s, to 100 up to 10 s."""
    step_ms = 1
    while step_ms < 1_000 and rounded_ms > 100 * step_ms:
        step_ms *= 10
    return rounded_ms - step_ms / 2


def _surely_bad(one: Availability | Latency, counts: Counted) -> int:
    """At least so many count against the objective. Which of the failed were late too is not known: perhaps all."""
    failed = counts.total - counts.good
    if isinstance(one, Latency) and one.timed_from is TimedFrom.INTENDED_START:
        return max(failed, surely_late(counts.times_ms, one.threshold_ms))
    return failed


def _too_heavy(wanted: tuple[Objective, ...], replica_bytes: float | None) -> Iterator[Missed]:
    """Memory is judged by its peak, and one that was seen does not go away."""
    for one in wanted:
        if not isinstance(one, Limit) or one.skip or one.figure is not Figure.MEMORY:
            continue
        if replica_bytes is not None and replica_bytes > one.at_most:
            held, allowed = replica_bytes / 2**20, one.at_most / 2**20
            yield Missed(one.name, f"a replica held {held:,.1f} MiB, and at most {allowed:,.1f} MiB are allowed")


def _of_a_drop(seen: Seen) -> Callable[[int], float]:
    """Everything to come may be of any class."""
    to_come = ASKS_PER_PATIENT * max(seen.patients - seen.done, 0)
    return lambda requests: requests + to_come


def _since(before: Counted | None, now: Counted) -> Counted:
    if before is None:
        return now
    times_ms = Counter(now.times_ms)
    times_ms.subtract(before.times_ms)
    return Counted(now.good - before.good, now.total - before.total, times_ms)


def _amount(rate: Rate, from_s: float, until_s: float) -> float:
    """Of what comes at that rate, by steps of a second at most."""
    steps = max(int(until_s - from_s) + 1, 1)
    width_s = max(until_s - from_s, 0.0) / steps
    return sum(rate(from_s + (step + 0.5) * width_s) for step in range(steps)) * width_s
