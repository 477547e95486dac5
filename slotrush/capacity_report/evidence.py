"""What was measured of the scaling, and the law in it: as the plan has it, else from the sweep itself. Pure."""

import math
from dataclasses import dataclass
from typing import Final

from slotrush.capacity.plan_document import MeasuredPoint, MeasuredResponse, ScalingLaw
from slotrush.capacity_report.material import Material
from slotrush.plan import evidence
from slotrush.slo import Objectives
from slotrush.sweep import law
from slotrush.sweep.model import Sweep

_BEYOND: Final = 1.25
"""Without a plan, the curve goes so much farther than the last measurement."""


@dataclass(frozen=True)
class Evidence:
    """`law` is None where the points give none; `no_law` then says why."""

    points: tuple[MeasuredPoint, ...]
    responses: tuple[MeasuredResponse, ...]
    law: ScalingLaw | None
    no_law: str = ""


def of(material: Material, objectives: Objectives) -> Evidence | None:
    """None without a plan and without a sweep."""
    if material.planned is not None:
        plan = material.planned.plan
        return Evidence(plan.source.points, plan.source.responses, plan.law)
    if material.swept is not None:
        return of_sweep(material.swept.sweep, objectives)
    return None


def of_sweep(sweep: Sweep, objectives: Objectives) -> Evidence:
    found = law.of(sweep, objectives)
    points = evidence.points(sweep, found)
    known = [point for point in sweep.points if point.rate_per_s.low > 0 and math.isfinite(point.rate_per_s.high)]
    responses = evidence.responses(known)
    if isinstance(found, str):
        return Evidence(points, responses, None, found)
    replicas_max = math.ceil(_BEYOND * max(point.replicas for point in points))
    return Evidence(points, responses, evidence.scaling_law(found, replicas_max))
