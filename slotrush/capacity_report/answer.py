"""What the report answers, and what speaks against relying on it. Pure; the words for it are the locales'."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from slotrush.capacity.plan_document import ClassP99, PlanDocument, Span
from slotrush.capacity_report import promises
from slotrush.capacity_report.material import Checked, Material, Swept
from slotrush.gate.verdict import Outcome
from slotrush.slo import Objectives

MILD: Final = frozenset({"one_machine", "database_size_assumed", "compressed", "pace", "prices_old"})
"""Cautions that hold for every such measurement, are part of its method, or are about the cost alone: worth knowing,
but no reservation."""
_WHOLE: Final = 1.0
BROKEN: Final = "audit_broken"
BOOKINGS: Final = "bookings"


class Kind(StrEnum):
    YES = "yes"
    RESERVED = "reserved"  # yes, with something that should be read first
    NO = "no"  # the plan does not hold
    BROKEN = "broken"  # an audit found a promise broken
    OPEN = "open"  # there is no plan


@dataclass(frozen=True)
class Caution:
    """`key` names its words. What fills them in: a number and its kind of figure are the sentence's own business."""

    key: str
    value: float | None = None
    name: str = ""
    objective: float | None = None

    @property
    def is_mild(self) -> bool:
        return self.key in MILD


@dataclass(frozen=True)
class Answer:
    kind: Kind
    cautions: tuple[Caution, ...]


def judge(material: Material, objectives: Objectives) -> Answer:
    """A broken promise outweighs everything, as it is a fact whatever the plan says."""
    cautions = tuple(_cautions(material, objectives))
    if any(caution.key == BROKEN for caution in cautions):
        return Answer(Kind.BROKEN, cautions)
    if material.planned is None:
        return Answer(Kind.OPEN, cautions)
    if not material.planned.plan.answer.holds:
        return Answer(Kind.NO, cautions)
    grave = [caution for caution in cautions if not caution.is_mild]
    return Answer(Kind.RESERVED if grave else Kind.YES, cautions)


def told_class(plan: PlanDocument) -> ClassP99 | None:
    """The class of endpoints whose waiting time is told first: bookings, else another; None where no load as near to
    the limit was measured."""
    known = [one for one in plan.answer.classes if one.usual_ms is not None]
    return next((one for one in known if one.endpoint_class == BOOKINGS), known[0] if known else None)


def _cautions(material: Material, objectives: Objectives) -> Iterator[Caution]:
    """The gravest first."""
    yield from _broken(material)
    if material.planned is not None:
        yield from _of_plan(material.planned.plan, objectives)
    yield from _of_check(material.checked)
    for run in material.runs:
        if not run.figures.valid:
            yield Caution("run_invalid", name=run.name)


def _broken(material: Material) -> Iterator[Caution]:
    if material.swept is not None:
        if count := _broken_in(material.swept):
            yield Caution(BROKEN, count, name=str(material.swept.file))
    elif material.planned is not None:
        plan = material.planned.plan
        yield from (Caution(one.key, one.value, plan.source.sweep_id) for one in plan.cautions if one.key == BROKEN)
    for run in material.runs:
        if count := run.figures.broken:
            yield Caution(BROKEN, count, name=str(run.file))


def _broken_in(swept: Swept) -> int:
    return sum(point.broken for point in swept.sweep.points)


def _of_plan(plan: PlanDocument, objectives: Objectives) -> Iterator[Caution]:
    for one in plan.cautions:
        if one.key != BROKEN and (one.key != "extrapolated" or (one.value or _WHOLE) > _WHOLE):
            yield Caution(one.key, one.value)
    for found in plan.answer.classes:
        slow = _slow(found)
        if slow is not None:
            yield slow
    target = promises.availability_target(objectives)
    lowest = plan.answer.usual.availability.low
    if target is not None and lowest is not None and lowest < target:
        yield Caution("availability", lowest, objective=target)


def _slow(found: ClassP99) -> Caution | None:
    """When all replicas are up, or else after the failures, which the headline includes."""
    if found.objective_ms is None:
        return None
    for key, span in (("slow", found.usual_ms), ("slow_after_failures", found.after_failures_ms)):
        if span is not None and _high(span) > found.objective_ms:
            return Caution(key, span.high, found.endpoint_class, found.objective_ms)
    return None


def _high(span: Span) -> float:
    return float("inf") if span.high is None else span.high


def _of_check(checked: Checked | None) -> Iterator[Caution]:
    if checked is None:
        yield Caution("check_missing")
        return
    outcome, local = checked.check.outcome, checked.check.local
    if outcome in (Outcome.FAIL, Outcome.UNDECIDED, Outcome.INVALID):
        yield Caution(f"check_{outcome}")
    if local is not None and local.failed_while_leaving:
        yield Caution("check_left", local.failed_while_leaving)
    if local is not None and local.compression != _WHOLE:
        yield Caution("compressed", local.compression)
