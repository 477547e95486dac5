"""What a sweep measured and the law in it, as documents have it. Pure."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from slotrush.capacity.bisect import Verdict
from slotrush.capacity.plan_document import (
    CurvePoint,
    Held,
    HeldOut,
    MeasuredPoint,
    MeasuredResponse,
    ScalingLaw,
    Span,
)
from slotrush.sweep import law
from slotrush.sweep.law import FIT_TO, Found
from slotrush.sweep.model import Point, Sweep
from slotrush.sweep.utilisation import at_limit, limited_by

HELD_OUT_TARGET: Final = 0.05
"""How far the law may be off at the points that it did not see."""
CURVE_POINTS_MAX: Final = 60


def points(sweep: Sweep, found: Found | str) -> tuple[MeasuredPoint, ...]:
    """Each number of replicas; `found` is the sweep's law, or why there is none."""
    residuals = {} if isinstance(found, str) else dict(zip(found.law.loads, found.law.residuals, strict=True))
    return tuple(
        MeasuredPoint(
            replicas=point.replicas,
            throughput_per_s=None if (limit := point.throughput_per_s) is None else Span.of(limit),
            limited_by=limited_by(at_limit(point, sweep.settings, sweep.cores)),
            refusal=law.refusal(point, sweep),
            residual=residuals.get(point.replicas),
        )
        for point in sweep.points
    )


def responses(measured: Sequence[Point]) -> tuple[MeasuredResponse, ...]:
    """The response times of each swarm that said something, of points whose limits are known."""
    return tuple(
        MeasuredResponse(point.replicas, probe.rate_per_s / point.rate_per_s.mid, name, p99_ms)
        for point in measured
        for probe in point.probes
        if probe.verdict is not Verdict.UNDECIDED
        for name, p99_ms in probe.p99_ms.items()
        if p99_ms > 0
    )


def scaling_law(found: Found, replicas_max: int) -> ScalingLaw:
    """The law, with its curve up to so many replicas."""
    fitted = found.law
    spread = np.linspace(1, replicas_max, min(replicas_max, CURVE_POINTS_MAX))
    drawn = sorted({round(replicas) for replicas in (*spread, *fitted.loads)})
    held = tuple(
        Held(
            replicas=round(one.load),
            measured_per_s=one.measured,
            predicted_per_s=Span.of(one.predicted),
            error=one.error,
            within_interval=one.within,
            within_target=abs(one.error) <= HELD_OUT_TARGET,
        )
        for one in found.held_out
    )
    return ScalingLaw(
        form=found.form,
        gamma=Span.of(fitted.gamma),
        sigma=Span.of(fitted.sigma),
        kappa=Span.of(fitted.kappa),
        knee_replicas=Span.of(fitted.knee_load),
        reserve_replicas=fitted.reserve,
        curve=tuple(CurvePoint(replicas, Span.of(fitted.predict(replicas))) for replicas in drawn),
        held_out=HeldOut(FIT_TO, HELD_OUT_TARGET, held) if held else None,
    )
