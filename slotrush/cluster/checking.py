"""From a Prometheus and the window of a run to a verdict: the objectives, and how the autoscaler did.

The shares of good requests are those of the replicas' own counters. A broken connection has no status there, and time
is counted from a request's arrival at its replica, not from the moment a patient meant to act: the gate, which has the
clients' own record, is the stricter judge.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

import numpy as np

from dashboards import sli
from slotrush.cluster.prometheus import POINTS_MAX, Grid, Numbers, Prometheus
from slotrush.elasticity.check import Judged, ScaleCheck
from slotrush.elasticity.measure import measure, without_gaps
from slotrush.errors import BadInputError
from slotrush.gate import interval
from slotrush.gate.verdict import Outcome, Result, overall
from slotrush.slo import Availability, Latency, Objectives

SCRAPES_PER_BLOCK: Final = 4
"""A rate wants two samples; with four, a scrape that was missed does no harm."""
BLOCKS_AIM: Final = 60
GAUGE_STEP_S: Final = 5.0
_HPA: Final = "kube_horizontalpodautoscaler"
_GAUGES: Final = {
    "wanted": _HPA + '_status_desired_replicas{{namespace="{0}",horizontalpodautoscaler="{1}"}}',
    "limit": _HPA + '_spec_max_replicas{{namespace="{0}",horizontalpodautoscaler="{1}"}}',
    "ready": 'kube_deployment_status_replicas_ready{{namespace="{0}",deployment="{1}"}}',
}


@dataclass(frozen=True)
class Question:
    """What is judged: `namespace` and the name of the autoscaler, which its Deployment shares, in Unix seconds from
    `first_s` to `last_s`. `scenario` chooses among the objectives; `stages` is the gate's word for a race; `run`: the
    id of the run that it is about, if it is about one."""

    namespace: str
    autoscaler: str
    first_s: float
    last_s: float
    scenario: str | None = None
    stages: bool = False
    run: str | None = None

    @property
    def seconds(self) -> float:
        return self.last_s - self.first_s

    def __str__(self) -> str:
        begin, end = (datetime.fromtimestamp(one, UTC) for one in (self.first_s, self.last_s))
        return f"{begin:%Y-%m-%d %H:%M:%S} to {end:%H:%M:%S} UTC"


def check(prometheus: Prometheus, question: Question, objectives: Objectives) -> tuple[ScaleCheck, tuple[Result, ...]]:
    """What is found, and of each objective the result with all that is known of it.

    Raises BadInputError, also for a Prometheus that has not what is needed.
    """
    if question.seconds <= 0:
        raise BadInputError("window", f"{question} is empty", "Let it end after it begins")
    _require_traffic(prometheus, question)
    curves, step_s = _curves(prometheus, question)
    of_scenario = replace(objectives, every=objectives.of(question.scenario))
    results = tuple(_results(prometheus, question, of_scenario))
    found = ScaleCheck(
        outcome=overall(results, ()),
        autoscaler=question.autoscaler,
        namespace=question.namespace,
        run=question.run,
        scenario=question.scenario,
        first_s=question.first_s,
        last_s=question.last_s,
        results=tuple(map(Judged.of, results)),
        elasticity=measure(curves["wanted"], curves["ready"], curves["limit"], step_s),
        step_s=step_s,
        replicas={name: tuple(values.tolist()) for name, values in curves.items()},
    )
    return found, results


def _require_traffic(prometheus: Prometheus, question: Question) -> None:
    """Raises BadInputError that says which part of the way from the replicas to Prometheus is broken."""
    there = prometheus.values("namespace", sli.requests())
    if not there and not prometheus.values("__name__", sli.requests()):
        raise BadInputError(
            "Prometheus",
            f"it has no {sli.requests()}: it does not scrape the booking system",
            "Apply the scraping rules (kubectl apply --server-side -k k8s/monitoring), or name another Prometheus",
        )
    if question.namespace not in there:
        raise BadInputError(
            f"--namespace {question.namespace}",
            f"Prometheus has the booking system's metrics of {', '.join(there) or 'no namespace'} only",
            "Name one of those, or scrape this one too",
        )
    metric = sli.requests(f'namespace="{question.namespace}"')
    if not prometheus.instant(f"count(count_over_time({metric}[{round(question.seconds)}s]))", question.last_s):
        raise BadInputError(
            f"window {question}",
            "Prometheus has no data of it",
            "Judge a run that it saw, before its retention ends; compare the clocks of both machines",
        )


def _curves(prometheus: Prometheus, question: Question) -> tuple[dict[str, Numbers], float]:
    """The replicas by name of the curve, and the seconds between two values."""
    step_s = max(GAUGE_STEP_S, question.seconds / (POINTS_MAX - 1))
    grid = Grid(question.first_s, step_s, int(question.seconds / step_s) + 1)
    curves: dict[str, Numbers] = {}
    for name, query in _GAUGES.items():
        filled = query.format(question.namespace, question.autoscaler)
        found = prometheus.range(f"max({filled})", grid)
        if not found:
            raise BadInputError(
                f"--hpa {question.autoscaler}",
                f"Prometheus has no {filled} in the window {question}",
                "Let it scrape kube-state-metrics, and name an autoscaler that was there",
            )
        [values] = found.values()
        curves[name] = without_gaps(values)
    return curves, step_s


def _results(prometheus: Prometheus, question: Question, objectives: Objectives) -> Iterator[Result]:
    impossible = dict[str, str]()
    for unmeasurable, why in sli.unmeasurable(objectives):
        impossible[unmeasurable.name] = why
    block_s = _block_s(prometheus, question)
    for one in objectives.every:
        if one.skip:
            yield Result(one, Outcome.SKIPPED, one.skip)
        elif not isinstance(one, Availability | Latency):
            yield Result(one, Outcome.SKIPPED, "the run's record tells, Prometheus does not: see slotrush gate")
        elif one.name in impossible:
            yield Result(one, Outcome.UNDECIDED, impossible[one.name])
        else:
            yield _share(prometheus, question, objectives, one, block_s)


def _block_s(prometheus: Prometheus, question: Question) -> int:
    """How long the blocks are in which requests are counted, in seconds."""
    metric = sli.requests(f'namespace="{question.namespace}"')
    window_s = round(question.seconds)
    [(_, samples)] = prometheus.instant(f"max(count_over_time({metric}[{window_s}s]))", question.last_s)
    between_scrapes_s = question.seconds / max(samples, 1)
    return max(round(SCRAPES_PER_BLOCK * between_scrapes_s), round(question.seconds / BLOCKS_AIM), 1)


def _share(
    prometheus: Prometheus, question: Question, objectives: Objectives, one: Availability | Latency, block_s: int
) -> Result:
    """Counts in blocks side by side that end with the window, as the gate has them by the second."""
    count = int(question.seconds // block_s)
    grid = Grid(question.last_s - block_s * max(count - 1, 0), block_s, max(count, 1))
    bad, total = (
        _of_namespace(prometheus, question, query(objectives, one, f"{block_s}s"), grid) * block_s
        for query in (sli.errors, sli.total)
    )
    if not total.sum():
        return Result(one, Outcome.UNDECIDED, f"no traffic: no request to {one.endpoints} was answered in the window")
    good = np.clip(total - bad, 0, None)
    estimate = interval.proportion(good[:, None], total[:, None], question.stages)
    if estimate is None:
        return Result(
            one,
            Outcome.UNDECIDED,
            f"{question.seconds:.0f} s are too short for two blocks of {SCRAPES_PER_BLOCK} scrapes, {block_s} s each."
            " Judge a longer load, scrape more often, or judge the run by its own record (slotrush gate)",
        )
    if estimate.low >= one.target:
        return Result(one, Outcome.PASS, estimate=estimate)
    if estimate.high < one.target:
        return Result(one, Outcome.FAIL, "the whole interval is on the wrong side", estimate)
    return Result(one, Outcome.UNDECIDED, "the interval has the objective in it: more requests would tell", estimate)


def _of_namespace(prometheus: Prometheus, question: Question, query: str, grid: Grid) -> Numbers:
    """The series of the namespace; 0 where it has no value."""
    for labels, values in prometheus.range(query, grid).items():
        if dict(labels).get("namespace") == question.namespace:
            return np.nan_to_num(values)
    return np.zeros(grid.count)
