"""The scaling law of a sweep, or why it has none. Pure."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from slotrush.capacity import holdout, queueing, usl
from slotrush.capacity.holdout import HeldOut
from slotrush.capacity.scaling import Form
from slotrush.capacity.usl import UslFit
from slotrush.errors import BadInputError
from slotrush.slo import Objectives
from slotrush.sweep.model import SCENARIO, Point, Sweep
from slotrush.sweep.utilisation import APP, MACHINE, at_limit, limited_by, strangers_cores

FIT_TO: Final = 4
"""The law is fitted to so many replicas at most, where there are more, and has to predict the rest."""
NOISE: Final = 0.1
"""Cores that other programs may keep busy without a remark."""
_HALF_INTERVAL_SD: Final = 1.96
_ROUNDS: Final = 10
"""A reserve and the service time that it comes from settle much sooner."""


@dataclass(frozen=True)
class Found:
    """The law over all usable points, and what one over the first of them predicted for the others: both of the form
    that was declared. `universal` has both coefficients, to be read; None where the points are too few for it.
    `error`: the typical error of a point, as a share, by the searches' own intervals."""

    law: UslFit
    held_out: tuple[HeldOut, ...]
    universal: UslFit | None
    form: Form
    error: float

    def as_json(self) -> dict[str, Any]:
        return {
            "form": self.form.value,
            **_coefficients(self.law),
            "reserve": self.law.reserve,
            "universal": None if self.universal is None else _coefficients(self.universal),
            "residuals": list(self.law.residuals),
            "fitted_to_replicas": list(self.law.loads),
            "held_out": [
                {
                    "replicas": one.load,
                    "measured": one.measured,
                    "predicted": one.predicted.as_json(),
                    "error": one.error,
                }
                for one in self.held_out
            ],
        }


def of(sweep: Sweep, objectives: Objectives) -> Found | str:
    """The law, or why there is none. `objectives` are those that the sweep was judged by."""
    if sweep.settings.cpu_quota_m is None:
        return "the replicas had no CPU quota: however many there are, they share the same cores"
    usable = [point for point in sweep.points if refusal(point, sweep) is None]
    loads = [float(point.replicas) for point in usable]
    limits = [limit for point in usable if (limit := point.throughput_per_s) is not None]
    throughputs = [limit.mid for limit in limits]
    error = math.sqrt(sum(limit.relative_width**2 for limit in limits) / max(len(limits), 1)) / _HALF_INTERVAL_SD
    form = sweep.settings.law
    try:
        reserve = _reserved(usable, objectives)
        fitted = usl.fit(loads, throughputs, form=form, measurement_error=error or None, reserve=reserve)
    except BadInputError as problem:
        return str(problem)
    universal = fitted if form is Form.UNIVERSAL else _universal(loads, throughputs, error, reserve)
    return Found(fitted, _held_out(loads, throughputs, form, error, reserve), universal, form, error)


def _reserved(points: Sequence[Point], objectives: Objectives) -> float:
    """How many replicas stay idle at the limit for the sake of response times, however many there are.

    The replicas that are not idle work on a request for a service time, which is the median of the points that the
    law's test may see; it and the reserve follow from each other. Of several objectives the strictest counts. Raises
    BadInputError for one that is shorter than the service.
    """
    seen = [
        (point.replicas, limit.mid)
        for point in points
        if point.replicas <= FIT_TO and (limit := point.throughput_per_s) is not None
    ]
    strict = [(one.threshold_ms / 1e3, one.target) for one in objectives.latencies(SCENARIO)]
    found = 0.0
    for _ in range(_ROUNDS if seen and strict else 0):
        service_s = statistics.median((replicas - found) / per_s for replicas, per_s in seen)
        found = max(queueing.reserve(service_s, response_s, share) for response_s, share in strict)
    return found


def refusal(point: Point, sweep: Sweep) -> str | None:
    """Why a point says nothing of how replicas scale; None when it does."""
    limit = point.throughput_per_s
    if limit is None or not (limit.low > 0 and math.isfinite(limit.high)):
        return "its limit was not found"
    full = limited_by(at_limit(point, sweep.settings, sweep.cores))
    if full == APP:
        return None
    others = strangers_cores(point)
    noise = (
        f" ({others:.1f} of its {sweep.cores} cores by other programs)" if full == MACHINE and others > NOISE else ""
    )
    return f"it is limited by the {full}{noise}, not by its replicas"


def _coefficients(law: UslFit) -> dict[str, Any]:
    return {name: getattr(law, name).as_json() for name in ("gamma", "sigma", "kappa", "peak_load")}


def _universal(loads: Sequence[float], throughputs: Sequence[float], error: float, reserve: float) -> UslFit | None:
    try:
        return usl.fit(loads, throughputs, measurement_error=error or None, reserve=reserve)
    except BadInputError:  # too few points
        return None


def _held_out(
    loads: Sequence[float], throughputs: Sequence[float], form: Form, error: float, reserve: float
) -> tuple[HeldOut, ...]:
    try:
        _, compared = holdout.hold_out(
            loads, throughputs, FIT_TO, form=form, measurement_error=error or None, reserve=reserve
        )
    except BadInputError:  # too few points on either side
        return ()
    return compared
