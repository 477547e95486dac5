"""A check of the scaling on this machine: a run whose replicas the autoscaler scales, held against the simulator."""

import os
import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import psutil
from rich.console import Console

from slotrush import run as running
from slotrush.autoscale.counting import require_counted
from slotrush.autoscale.manifest import read_hpa
from slotrush.autoscale.spec import Hpa, Options
from slotrush.elasticity.check import FILE_NAME, Judged, Local, Prediction, ScaleCheck
from slotrush.elasticity.measure import Elasticity, measure
from slotrush.errors import BadInputError
from slotrush.gate import judge
from slotrush.gate.verdict import Outcome, Result, overall
from slotrush.run import Attend, RunOptions, Tend
from slotrush.runs import record
from slotrush.scaling import charts, predicting, trail
from slotrush.scaling import demands as demanding
from slotrush.scaling.demands import Demands
from slotrush.scaling.predicting import Load, Predicted
from slotrush.scaling.scaler import Scaler
from slotrush.scaling.systems import compressed, parts
from slotrush.scaling.trail import TrailLook
from slotrush.slo import ALL_ENDPOINTS, Availability, Objectives
from slotrush.stack import Stack, envoy
from slotrush.stack.replicas import PRE_STOP_S
from slotrush.swarm.load import parse_arrivals

CHART_NAME: Final = "scale-check.svg"
STEP_S: Final = 1.0
"""Between two values of the curves."""
INTERVAL_S: Final = 5.0
"""In which requests are counted for the availability over time."""
METRICS_RESOLUTION_S: Final = 15.0
"""metrics-server's default."""
SCALE_OUT: Final = "scale-out"
SCALE_IN: Final = "scale-in"
_US: Final = 1e-6
Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Settings:
    """`replicas_max`: what this machine has room for; fewer than the manifest's if that is more.

    `compression`: by so much the autoscaler's clock is faster than the manifest says. `calibrated_from`: the run or
    sweep that says what requests cost; None is the check's own record. `seeds`: simulated runs.
    """

    hpa_file: Path
    replicas_max: int = 8
    compression: float = 10.0
    calibrated_from: Path | None = None
    seeds: int = 20


@dataclass
class Attendant:
    """Makes a scaler for a stack that runs, and keeps what it did in the run's record."""

    hpa: Hpa
    options: Options
    cpu_m: int
    resolution_s: float
    start_s: list[float] = field(default_factory=list)

    @contextmanager
    def __call__(self, stack: Stack, run_dir: Path) -> Iterator[Tend]:
        with closing(record.open_record(run_dir)) as connection:

            def note(name: str, detail: str) -> None:
                record.add_event(connection, time.time_ns() // 1000, name, detail)

            live = Scaler(stack.replicas, self.hpa, self.options, self.cpu_m, self.resolution_s, cpu_s, note)
            self.start_s = live.start_s

            def tend(load_us: int | None) -> Iterable[str]:
                return live.tend(time.monotonic(), under_load=load_us is not None and load_us >= 0)

            yield tend


def cpu_s(pid: int) -> float | None:
    """CPU time of a process so far, in the kernel's grain of mostly 10 ms; None when it is gone."""
    try:
        times = psutil.Process(pid).cpu_times()
    except psutil.NoSuchProcess:
        return None
    return float(times.user + times.system)


def prepare(
    options: RunOptions, settings: Settings, objectives: Objectives
) -> tuple[RunOptions, Attendant, Demands | None]:
    """The run that is to be made, who scales its replicas, and what requests cost, unless its own record is to say.

    Raises BadInputError, before anything starts.
    """
    hpa = read_hpa(settings.hpa_file)
    require_counted(hpa)
    for thing, value, least, most in (
        ("--compression", settings.compression, 1, 60),
        ("--replicas-max", settings.replicas_max, max(hpa.min_replicas, 1), 64),
    ):
        if not least <= value <= most:
            raise BadInputError(f"{thing} {value:g}", f"it must be from {least} to {most}", "Give another number")
    if options.cpu_quota_m is None:
        raise BadInputError("--cpu", "the autoscaler's target is a share of a CPU request", "Give one, such as 60m")
    if options.plays.model != "open" or options.plays.arrivals is None:
        problem = "its load depends on the answers, so nobody knows what it needs"
        raise BadInputError(f"scenario {options.scenario}", problem, "Use an open one, such as spike")
    faster, clock = compressed(hpa, Options(), settings.compression)
    faster = replace(faster, max_replicas=min(hpa.max_replicas, settings.replicas_max))
    least = max(faster.min_replicas, 1)
    asked = replace(options, replicas=least, replicas_max=faster.max_replicas)
    running.check(asked)
    resolution_s = METRICS_RESOLUTION_S / settings.compression
    known = settings.calibrated_from
    demands = None if known is None else demanding.measured(known, objectives)
    return asked, Attendant(faster, clock, options.cpu_quota_m, resolution_s), demands


def check(
    options: RunOptions, settings: Settings, objectives: Objectives, console: Console
) -> tuple[Path, ScaleCheck, tuple[Result, ...]]:
    """Play the run, scale its replicas, judge it, and hold it against the simulator; all that is kept in its folder.

    Raises as `running.run` does.
    """
    options, attendant, known = prepare(options, settings, objectives)
    attend: Attend = attendant
    run_dir, _ = running.run(options, console, attend)
    with closing(record.open_finished(run_dir)) as connection:
        judged = judge(connection, objectives)
        demands = of_this_load(demanding.measured(run_dir, objectives), known)
        found = examine(connection, options, settings, attendant, demands)
    assert found.local is not None
    results = (*judged.results, scale_out(found.elasticity), scale_in(found.local))
    found = replace(found, outcome=overall(results, judged.lacking), results=tuple(map(Judged.of, results)))
    (run_dir / FILE_NAME).write_text(found.to_json(), encoding="utf-8")
    (run_dir / CHART_NAME).write_text(charts.of_check(found), encoding="utf-8")
    return run_dir, found, results


def of_this_load(own: Demands, known: Demands | None) -> Demands:
    """What requests cost, by the other record if there is one. How many an arrival makes only the check's own says."""
    return own if known is None else replace(known, requests_per_arrival=own.requests_per_arrival)


def examine(
    connection: sqlite3.Connection,
    options: RunOptions,
    settings: Settings,
    attendant: Attendant,
    demands: Demands,
) -> ScaleCheck:
    """What the record says of the scaling while there was load, and what the simulator says of the same load.

    Judging it is left to others: its outcome is undecided. Raises BadInputError for a load that was cut short.
    """
    plays, cpu_m = options.plays, options.cpu_quota_m
    assert cpu_m is not None
    assert plays.arrivals is not None
    events, looks = record.event_times(connection), trail.read(connection)
    begun_us, ended_us = record.load_began_us(events), record.load_ended_us(events)
    if begun_us is None or ended_us is None or not looks:
        raise BadInputError("scale check", "the load did not come to its end", "Check again")
    count = int((ended_us - begun_us) * _US / STEP_S)
    curves = {name: _curve(looks, of, begun_us, count) for name, of in (("wanted", "wanted"), ("ready", "serving"))}
    curves["limit"] = np.full(count, float(attendant.hpa.max_replicas))
    start_s = float(np.mean(attendant.start_s)) if attendant.start_s else None
    system = predicting.local_system(
        attendant.hpa,
        attendant.options,
        cpu_m,
        parts(
            cpu_m / 1000,
            options.proxies,
            attendant.hpa.max_replicas,
            os.cpu_count(),
            demands,
            envoy.CONNECTIONS_PER_REPLICA,
            scans_all=True,
        ),
        start_s or 0.0,
        attendant.resolution_s,
        PRE_STOP_S,
    )
    load = Load(parse_arrivals(plays.arrivals, plays.run_time_s), demands.requests_per_arrival, count * STEP_S)
    said = predicting.predict(load, system, demands, options.seed, settings.seeds, STEP_S, INTERVAL_S)
    curves |= {
        "demand": said.demand,
        "predicted": said.serving,
        "predicted_low": said.serving_low,
        "predicted_high": said.serving_high,
    }
    first_s = begun_us // 1_000_000
    answers = answers_by_second(connection, first_s, count + 1)
    leaving = trail.by_second(looks, "leaving", first_s, count + 1) > 0
    return ScaleCheck(
        outcome=Outcome.UNDECIDED,
        autoscaler=attendant.hpa.name,
        namespace=None,
        run=str(record.get_meta(connection)["run_id"]),
        scenario=plays.name,
        first_s=begun_us * _US,
        last_s=begun_us * _US + count * STEP_S,
        results=(),
        elasticity=measure(curves["wanted"], curves["ready"], curves["limit"], STEP_S),
        step_s=STEP_S,
        replicas={name: tuple(values.tolist()) for name, values in curves.items()},
        local=Local(
            compression=settings.compression,
            cpu_m=cpu_m,
            arrivals=plays.arrivals,
            started=len(attendant.start_s),
            left=looks[-1].left,
            start_s=start_s,
            requests=int(answers.asked.sum()),
            failed=int(answers.failed.sum()),
            failed_while_leaving=int((answers.failed + answers.refused)[leaving].sum()),
            demand=measure(curves["demand"], curves["ready"], curves["limit"], STEP_S),
            prediction=_held_against(said, answers, curves["ready"], demands, start_s or 0.0, settings.seeds),
        ),
    )


def _curve(looks: Sequence[TrailLook], name: str, begun_us: int, count: int) -> Numbers:
    """The mean of a count in each step from the beginning of the load on."""
    edges_us = begun_us + np.arange(count + 1) * STEP_S / _US
    return np.array([trail.mean(looks, name, start, end) for start, end in pairwise(edges_us.tolist())])


@dataclass(frozen=True)
class Answers:
    """By Unix second: requests that were asked, that were answered as promised, that failed, and that were refused.

    `failed` are errors, time-outs, broken connections and contracts. Arrivals that found nobody free count as asked.
    """

    asked: Numbers
    good: Numbers
    failed: Numbers
    refused: Numbers

    def good_share(self, interval_s: float) -> tuple[float | None, ...]:
        places = (np.arange(len(self.asked)) // interval_s).astype(np.int64)
        asked, good = (np.bincount(places, weights=counts) for counts in (self.asked, self.good))
        return tuple(float(part / whole) if whole else None for part, whole in zip(good, asked, strict=True))


def answers_by_second(connection: sqlite3.Connection, first_s: int, seconds: int) -> Answers:
    asked, good, failed, refused = (np.zeros(seconds) for _ in range(4))
    within = (first_s, first_s + seconds - 1)
    rows = connection.execute(
        "SELECT second, sum(good), sum(bad), sum(refused) FROM latency WHERE second BETWEEN ? AND ? GROUP BY second",
        within,
    )
    for second, *counts in rows:
        asked[second - first_s] = sum(counts)
        good[second - first_s], failed[second - first_s], refused[second - first_s] = counts
    dropped = connection.execute(
        "SELECT second, sum(dropped) FROM generator_health WHERE second BETWEEN ? AND ? GROUP BY second", within
    )
    for second, lost in dropped:
        asked[second - first_s] += lost
    return Answers(asked, good, failed, refused)


def _held_against(
    said: Predicted, answers: Answers, ready: Numbers, demands: Demands, start_s: float, seeds: int
) -> Prediction:
    return Prediction(
        calibrated_from=demands.source,
        cpu_ms_per_request=1000 * demands.cpu_s(float(ready.mean())),
        start_s=start_s,
        seeds=seeds,
        replicas_mean_measured=float(ready.mean()),
        replicas_mean_predicted=float(said.serving.mean()),
        availability=float(answers.good.sum() / answers.asked.sum()),
        availability_predicted=said.availability,
        interval_s=INTERVAL_S,
        availability_measured_by_time=answers.good_share(INTERVAL_S)[: len(said.availability_by_time)],
        availability_predicted_by_time=said.availability_by_time,
    )


def scale_out(found: Elasticity) -> Result:
    """Whether replicas came when more were wanted. How late is for the reader: no objective says how soon they must."""
    objective = _objective(SCALE_OUT, "Replicas come when more are wanted")
    if not found.rises:
        return Result(objective, Outcome.UNDECIDED, "no more replicas were ever wanted: let the load rise")
    if found.slowest_rise_s is None:
        return Result(objective, Outcome.FAIL, f"more were wanted {found.rises} times, and never came in time")
    done = found.rises - found.unfinished_rises
    return Result(
        objective, Outcome.PASS, f"{done} of {found.rises} rises done, the slowest in {found.slowest_rise_s:.0f} s"
    )


def scale_in(found: Local) -> Result:
    """Whether every request survived that replicas left. A proxy whose replica is gone refuses: that counts too."""
    objective = _objective(SCALE_IN, "No request fails while a replica leaves")
    if not found.left:
        return Result(objective, Outcome.UNDECIDED, "no replica had to leave: let the load fall, and last longer")
    if found.failed_while_leaving:
        return Result(objective, Outcome.FAIL, f"{found.failed_while_leaving} failed while a replica was leaving")
    return Result(objective, Outcome.PASS, f"{found.left} left, and nothing failed meanwhile")


def _objective(name: str, title: str) -> Availability:
    return Availability(name=name, title=title, position=None, endpoints=ALL_ENDPOINTS, target=1.0, window_s=0)
