"""How the figures were found, sentence by sentence, for what the material holds; and what was left out."""

from collections.abc import Iterator

from slotrush.capacity.plan_document import PlanDocument, ScalingLaw
from slotrush.capacity.planning import SURE
from slotrush.capacity.scaling import Form
from slotrush.capacity_report import saying
from slotrush.capacity_report.answer import told_class
from slotrush.capacity_report.evidence import Evidence
from slotrush.capacity_report.material import Material
from slotrush.elasticity.check import ScaleCheck
from slotrush.report.words import Words


def of(material: Material, evidence: Evidence | None, words: Words) -> tuple[str, ...]:
    return tuple(_said(material, evidence, words))


def limits(material: Material, evidence: Evidence | None, words: Words) -> tuple[str, ...]:
    """What the figures cannot say."""
    names = [
        *(["law"] if evidence and evidence.law else []),
        *(["mix", "intervals"] if evidence else []),
        *(["simulator"] if material.checked and material.checked.check.local else []),
    ]
    return tuple(words(f"methods.limit_{name}") for name in names)


def left_out(material: Material, words: Words) -> str:
    """One line about the parts that no file was given for; empty when there are none."""
    given = {
        "plan": material.planned,
        "sweep": material.swept,
        "check": material.checked,
        "runs": material.runs,
    }
    missing = [words(f"methods.part_{name}") for name, thing in given.items() if not thing]
    return words("methods.left_out", parts=saying.listed(missing, words)) if missing else ""


def _said(material: Material, evidence: Evidence | None, words: Words) -> Iterator[str]:
    if material.swept is not None:
        yield _sweep(material, words)
    elif material.planned is not None:
        yield _sweep_of(material.planned.plan, words)
    if evidence is not None:
        yield _law(evidence.law, words) if evidence.law else words("methods.no_law", reason=evidence.no_law)
    if material.planned is not None:
        yield from _plan(material.planned.plan, words)
    if material.checked is not None:
        yield _check(material.checked.check, words)


def _sweep(material: Material, words: Words) -> str:
    assert material.swept is not None
    sweep = material.swept.sweep
    quota = sweep.settings.cpu_quota_m
    return words(
        "methods.sweep",
        sweep=sweep.sweep_id,
        day=words.day(sweep.started_at),
        counts=saying.listed([words.number(point.replicas) for point in sweep.points], words),
        size=words("methods.shared") if quota is None else words("methods.quota", cpu=saying.cores(quota, words)),
        cores=words.number(sweep.cores),
        loads=words("methods.loads_counted", count=words.number(sum(len(point.probes) for point in sweep.points))),
    )


def _sweep_of(plan: PlanDocument, words: Words) -> str:
    """As much of the sweep as its plan tells, which has not all of its loads."""
    source = plan.source
    return words(
        "methods.sweep",
        sweep=source.sweep_id,
        day=words.day(source.started_at),
        counts=saying.listed([words.number(point.replicas) for point in source.points], words),
        size=words("methods.quota", cpu=saying.cores(source.replica_cpu_m, words)),
        cores=words.number(source.machine_cores),
        loads=words("methods.loads"),
    )


def _law(law: ScalingLaw, words: Words) -> str:
    def form(value: float) -> str:
        return words.number(value, 5 if value < 1 else 1)

    said = {
        name: saying.spanned(span, form, words)
        for name, span in (("gamma", law.gamma), ("sigma", law.sigma), ("kappa", law.kappa))
    }
    reserve = words("methods.reserve", reserve=words.number(law.reserve_replicas, 2))
    return f"{words('methods.amdahl' if law.form is Form.AMDAHL else 'methods.universal', **said)} {reserve}"


def _plan(plan: PlanDocument, words: Words) -> Iterator[str]:
    yield words(
        "methods.plan",
        headroom=words.percent(plan.question.headroom, 0),
        failures=words.number(plan.question.failures),
        sure=words.percent(SURE),
    )
    yield words("methods.limits")
    yield words("methods.waiting" if told_class(plan) else "methods.waiting_mm")


def _check(check: ScaleCheck, words: Words) -> str:
    if check.local is None:
        return words("methods.check_cluster", autoscaler=check.autoscaler)
    return words("methods.check", seeds=words.number(check.local.prediction.seeds))
