"""Evidence of one imagined clinic, as the commands write it: its figures fit together, as those of a real one do."""

import json
import math
from dataclasses import replace
from datetime import date
from functools import cache
from pathlib import Path

import numpy as np

from slotrush import slo
from slotrush.capacity.plan_document import PlanDocument
from slotrush.capacity.planning import Policy
from slotrush.capacity.prices import read_prices
from slotrush.capacity.scaling_law import Law
from slotrush.elasticity.check import FILE_NAME as CHECK_NAME
from slotrush.elasticity.check import Judged, Local, Prediction, ScaleCheck
from slotrush.elasticity.measure import measure
from slotrush.gate.interval import Estimate
from slotrush.gate.verdict import Outcome
from slotrush.plan import making
from slotrush.plan.measured import Database
from slotrush.sweep import sweeping
from slotrush.sweep.model import Probe, Settings, Sweep
from tests.slotrush.sweep.swept import QUOTA_USED_AT_LIMIT, Laboratory, measured

LAW = Law(gamma=88.0, sigma=0.014, kappa=0.0)
PATIENTS, THINK_TIME_S = 20_000, 20.0
TODAY = date(2026, 11, 21)
SETTINGS = Settings(cpu_quota_m=250, tolerance=0.015, tests_max=12)
MACHINE = {"cores": 16, "memory_bytes": 32 * 2**30, "cgroup": "v2", "cpu_model": "A Processor", "os": "Linux 6.12"}
STEP_S, CHECK_S, INTERVAL_S = 1.0, 300, 15
FIRST_S = 1_795_000_000.0
REPLICA_PER_S = 70.0


class Clinic(Laboratory):
    """Answers get slower near the limit, as those of a queue."""

    def probe(self, replicas: int, rate_per_s: float, settings: Settings) -> Probe:
        probe = super().probe(replicas, rate_per_s, settings)
        share = min(QUOTA_USED_AT_LIMIT * rate_per_s / self.limit_per_s(replicas), 0.97)
        noise = math.exp(0.08 * float(self._rng.standard_normal()))
        base_ms = 46 / (1 - share) * noise
        times = {"reads": base_ms * 1.1, "bookings": base_ms * 1.6, "other-writes": base_ms * 1.9}
        return replace(probe, p99_ms=times, availability=1.0 if share < 0.9 else 0.996)


@cache
def sweep(settings: Settings = SETTINGS) -> Sweep:
    return replace(measured(settings, Clinic(seed=7, law=LAW)), machine=MACHINE)


def write_sweep(folder: Path, settings: Settings = SETTINGS) -> Path:
    """The folder of a whole sweep, without the records of its swarms."""
    folder.mkdir(parents=True)
    sweeping.keep(sweep(settings), folder)
    return folder


@cache
def plan() -> PlanDocument:
    """For 20,000 patients who each do something every 20 seconds."""
    asked = making.Asked(
        patients=PATIENTS,
        think_time_s=THINK_TIME_S,
        arrivals_per_s=None,
        policy=Policy(),
        peak_hours=60.0,
        database=Database(),
    )
    return making.make(sweep(), asked, read_prices(), slo.load(), TODAY)


def write_plan(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(plan().to_json(), encoding="utf-8")
    return path


def write_summary(folder: Path, **changes: object) -> Path:
    """All that is kept of a run of five minutes; `changes` replace what its summary says."""
    folder.mkdir(parents=True)
    summary = {
        "schema_version": 1,
        "run_id": "soak-20261121-160319-248a",
        "scenario": "soak",
        "patients": PATIENTS,
        "valid": True,
        "audit": {"clean": True, "checked": {"phantoms": 90_000}, "broken": {"phantoms": 0}},
        "availability": 0.9998,
        "load": {"requests_per_s": 998.4, "response_ms": {"p50": 9.0, "p99": 84.6}},
    }
    (folder / "summary.json").write_text(json.dumps(summary | changes), encoding="utf-8")
    return folder


def check() -> ScaleCheck:
    """A morning in five minutes: few patients, a rush, and quiet again; the replicas follow half a minute later."""
    at = np.arange(0, CHECK_S, STEP_S)
    load_per_s = 90 + 330 * np.exp(-(((at - 130) / 55) ** 2))
    demand = np.ceil(load_per_s / REPLICA_PER_S)
    ready, predicted = _followed(demand, rise_s=9, fall_s=42), _followed(demand, rise_s=7, fall_s=45)
    wanted = _followed(demand, rise_s=3, fall_s=40)
    limit = np.full_like(ready, 8)
    short = np.clip(demand - ready, 0, None) / demand
    measured_by_time = _by_interval(1 - 0.006 * short)
    return ScaleCheck(
        outcome=Outcome.PASS,
        autoscaler="target-app",
        namespace=None,
        run="scale-check-20261121-140000-ab12",
        scenario="clinic_day",
        first_s=FIRST_S,
        last_s=FIRST_S + CHECK_S,
        results=(
            Judged("availability", Outcome.PASS, "", Estimate(0.9996, 0.9993, 0.9998, 71_238, 100)),
            Judged("bookings-latency", Outcome.PASS, "", Estimate(0.9961, 0.9948, 0.9972, 15_012, 100)),
        ),
        elasticity=measure(wanted, ready, limit, STEP_S),
        step_s=STEP_S,
        replicas={
            "wanted": tuple(wanted.tolist()),
            "ready": tuple(ready.tolist()),
            "limit": tuple(limit.tolist()),
            "demand": tuple(demand.tolist()),
            "predicted": tuple(predicted.tolist()),
            "predicted_low": tuple(np.clip(predicted - 0.4, 2, None).tolist()),
            "predicted_high": tuple((predicted + 0.5).tolist()),
        },
        local=Local(
            compression=10.0,
            cpu_m=250,
            arrivals="rush:90..420@5m",
            started=4,
            left=4,
            start_s=6.2,
            requests=71_238,
            failed=28,
            failed_while_leaving=0,
            demand=measure(demand, ready, limit, STEP_S),
            prediction=Prediction(
                calibrated_from="sweep-20261121-120000-abcd",
                cpu_ms_per_request=2.84,
                start_s=6.0,
                seeds=20,
                replicas_mean_measured=float(ready.mean()),
                replicas_mean_predicted=float(predicted.mean()),
                availability=0.9996,
                availability_predicted=0.9994,
                interval_s=INTERVAL_S,
                availability_measured_by_time=measured_by_time,
                availability_predicted_by_time=_by_interval(1 - 0.008 * short),
            ),
        ),
    )


def write_check(folder: Path) -> Path:
    """The folder of a scale check, without the record of its run."""
    folder.mkdir(parents=True)
    (folder / CHECK_NAME).write_text(check().to_json(), encoding="utf-8")
    return folder


def _followed(demand: np.ndarray, rise_s: int, fall_s: int) -> np.ndarray:
    """Up after `rise_s`, down only when nothing more was needed for `fall_s`; never below two."""
    late = np.concatenate((np.full(rise_s, demand[0]), demand[: len(demand) - rise_s]))
    held = [late[max(0, place - fall_s) : place + 1].max() for place in range(len(late))]
    return np.asarray(np.maximum(held, 2.0))


def _by_interval(shares: np.ndarray) -> tuple[float | None, ...]:
    return tuple(float(part.mean()) for part in np.split(shares, CHECK_S // INTERVAL_S))
