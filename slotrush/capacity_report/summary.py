"""The summary on the first page: the answer, the figures that matter, the advice, and what speaks against it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from slotrush.capacity.plan_document import OfferCost, PlanDocument, Span
from slotrush.capacity.planning import SURE
from slotrush.capacity_report import promises, saying
from slotrush.capacity_report.answer import Answer, Caution, Kind, told_class
from slotrush.capacity_report.material import Material
from slotrush.report.words import UNKNOWN, Words
from slotrush.slo import Objectives

CURRENCIES: Final[Mapping[str, str]] = {"en": "USD", "pt-BR": "BRL"}
"""What a reader of the language budgets in; the other one stands beside it."""


CAUTIONS_SHOWN: Final = 7
OFFERS_SHOWN: Final = 3
"""As many as fit into one figure of the first page."""


@dataclass(frozen=True)
class Card:
    """One figure, by its name on the page."""

    name: str
    title: str
    value: str
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Summary:
    """`more_cautions` are those that the first page has no room for."""

    kind: Kind
    headline: str
    note: str
    cards: tuple[Card, ...]
    advice: tuple[str, ...]
    cautions: tuple[str, ...]
    more_cautions: tuple[str, ...]


def of(material: Material, answer: Answer, objectives: Objectives, words: Words) -> Summary:
    plan = material.planned.plan if material.planned else None
    return Summary(
        kind=answer.kind,
        headline=words(
            f"verdict_brief.{answer.kind}",
            copies=saying.copies(plan.answer.replicas, words) if plan else UNKNOWN,
            part=_weakest(plan, words),
        ),
        note=_note(plan, answer.kind, words),
        cards=tuple(_cards(plan, objectives, words)) if plan else (),
        advice=tuple(_advice(plan, answer, words)),
        cautions=_first_cautions(answer, words),
        more_cautions=tuple(caution_text(one, words) for one in answer.cautions[CAUTIONS_SHOWN:]),
    )


def money(cost: object, words: Words) -> str:
    """A month's amount in the currency of the language."""
    currency = CURRENCIES[words.language]
    return words.money(getattr(cost, currency.lower()), currency)


def other_money(cost: object, words: Words) -> str:
    """The same in the other currency."""
    currency = next(one for one in CURRENCIES.values() if one != CURRENCIES[words.language])
    return words.money(getattr(cost, currency.lower()), currency)


def part(name: str, words: Words) -> str:
    return words.find(f"part.{name}", words.find(f"component.{name}", name))


def capital(text: str) -> str:
    """As a row or a figure begins."""
    return text[:1].upper() + text[1:]


def caution_text(caution: Caution, words: Words) -> str:
    """A caution as a sentence; one that this version has no words for is named by its key."""
    value = caution.value
    forms = {
        "extrapolated": lambda: words.number(value, 1),
        "held_out_missed": lambda: words.percent(value),
        "strangers": lambda: words.number(value, 1),
        "pace": lambda: words.percent(value, 0),
        "compressed": lambda: words.number(value, 1),
        "availability": lambda: words.percent(value, 2),
    }
    name = words.find(f"class.{caution.name}", caution.name)
    slow = caution.key in ("slow", "slow_after_failures")
    objective = caution.objective
    told = {
        "value": forms.get(caution.key, lambda: words.number(value))(),
        "count": words.number(value),
        "low": words.percent(value, 2) if caution.key == "availability" else UNKNOWN,
        "high": words("caution.no_end") if slow and value is None else words.milliseconds(value),
        "objective": words.percent(objective, 2) if caution.key == "availability" else words.milliseconds(objective),
        "name": name,
        "file": caution.name,
        "run": caution.name,
    }
    if words.find(f"caution.{caution.key}", "") == "":
        return words("caution.other", name=caution.key, value=words.number(value, 2))
    return words(f"caution.{caution.key}", **told)


def _first_cautions(answer: Answer, words: Words) -> tuple[str, ...]:
    said = [caution_text(one, words) for one in answer.cautions[:CAUTIONS_SHOWN]]
    rest = len(answer.cautions) - len(said)
    return (*said, *([words("caution.more", count=words.number(rest))] if rest else []))


def _weakest(plan: PlanDocument | None, words: Words) -> str:
    """The part that does not carry the demand."""
    if plan is None:
        return UNKNOWN
    failing = next((limit.name for limit in plan.limits if not limit.carries and limit.name != "replicas"), None)
    return part(failing or "connections", words)


def _note(plan: PlanDocument | None, kind: Kind, words: Words) -> str:
    if plan is None or kind in (Kind.OPEN, Kind.BROKEN):
        return words(f"verdict_brief.{kind}_note")
    if kind is Kind.NO:
        return words("verdict_brief.no_note", part=_weakest(plan, words))
    return words(
        "verdict_brief.yes_note",
        copies=saying.copies(plan.answer.replicas, words),
        headroom=words.percent(plan.question.headroom, 0),
        failed=saying.copies(plan.question.failures, words),
        confident=saying.certainty(plan.answer.confident, words),
    )


def _cards(plan: PlanDocument, objectives: Objectives, words: Words) -> Iterator[Card]:
    yield _margin(plan, words)
    if plan.costs.offers:
        yield _cost(plan.costs.offers, words)
    yield _first(plan, words)
    yield _waiting(plan, words)
    yield _available(plan, objectives, words)
    yield _sure(plan, words)


def _margin(plan: PlanDocument, words: Words) -> Card:
    def form(share: float) -> str:
        return saying.margin(share, words)

    found, question = plan.answer, plan.question
    after = saying.middle(found.margin_after_failures, form)
    notes = [
        words(
            "card.margin_note",
            interval=saying.interval(found.margin, form, words),
            failures=words.number(question.failures),
            after=after,
        )
    ]
    if found.promised_patients is not None:
        notes.append(words("card.promised_patients", patients=saying.about(found.promised_patients, words)))
    elif found.promised_per_s is not None:
        notes.append(words("card.promised_arrivals", rate=saying.rate(found.promised_per_s, words)))
    return Card("margin", words("card.margin"), saying.middle(found.margin, form), tuple(notes))


def _cost(offers: Sequence[OfferCost], words: Words) -> Card:
    """From the cheapest offer to the dearest, everything being on all month."""
    by_price = sorted(offers, key=lambda offer: offer.always.usd)
    ends = [money(by_price[place].always, words) for place in (0, -1)]
    value = ends[0] if len(by_price) == 1 else words("brief.from_to", low=ends[0], high=ends[1])
    notes = [
        words("card.cost_note", title=offer.title, always=money(offer.always, words), scaled=money(offer.scaled, words))
        for offer in by_price[:OFFERS_SHOWN]
    ]
    return Card("cost", words("card.cost"), value, tuple(notes))


def _first(plan: PlanDocument, words: Words) -> Card:
    limit = plan.breaks_first
    if limit.patients is not None:
        span, key = limit.patients, "card.first_patients"
    else:
        span, key = limit.rate_per_s, "card.first_arrivals"
    note = words(key, mid=saying.middle(span, _about(words)), interval=saying.interval(span, _about(words), words))
    return Card("first", words("card.first"), capital(part(limit.name, words)), (note,))


def _about(words: Words) -> saying.Format:
    return lambda count: saying.about(count, words)


def _waiting(plan: PlanDocument, words: Words) -> Card:
    """Of one class, as measured near that load; else of everything, by the queueing formula."""
    found = told_class(plan)
    if found is not None and found.usual_ms is not None:
        span = found.usual_ms
        note = words("card.waiting_note", interval=saying.interval(span, words.milliseconds, words))
        note += _promised(found.objective_ms, words.milliseconds, words)
        name = words.find(f"class.{found.endpoint_class}", found.endpoint_class)
        return Card("waiting", words("card.waiting", name=name), saying.middle(span, words.milliseconds), (note,))
    seconds = plan.answer.usual.p99_s
    span = Span(*(None if end is None else 1000 * end for end in (seconds.low, seconds.mid, seconds.high)))
    note = words("card.waiting_mm_note", interval=saying.interval(span, words.milliseconds, words))
    return Card("waiting", words("card.waiting_mm"), saying.middle(span, words.milliseconds), (note,))


def _available(plan: PlanDocument, objectives: Objectives, words: Words) -> Card:
    def form(share: float) -> str:
        return words.percent(share, 2)

    span = plan.answer.usual.availability
    lowest = UNKNOWN if span.low is None else form(span.low)
    note = words("card.available_note", low=lowest, sure=words.percent(SURE))
    note += _promised(promises.availability_target(objectives), form, words)
    return Card("available", words("card.available"), saying.middle(span, form), (note,))


def _promised(objective: float | None, form: saying.Format, words: Words) -> str:
    """A sentence more, where something was promised."""
    return "" if objective is None else " " + words("card.promised", objective=form(objective))


def _sure(plan: PlanDocument, words: Words) -> Card:
    held = plan.law.held_out
    if held is None or not held.points:
        return Card("sure", words("card.sure"), words("card.unchecked"), (words("card.unchecked_note"),))
    worst = max(abs(one.error) for one in held.points)
    counts = saying.listed([words.number(one.replicas) for one in held.points], words)
    note = words("card.sure_note", counts=counts, target=words.percent(held.target, 0))
    return Card("sure", words("card.sure"), words.percent(worst), (note,))


def _advice(plan: PlanDocument | None, answer: Answer, words: Words) -> Iterator[str]:
    if answer.kind is Kind.BROKEN:
        yield words("advice.mend")
    if plan is None:
        if answer.kind is Kind.OPEN:
            yield words("advice.measure")
        return
    scaling = plan.needs.autoscaling
    yield words(
        "advice.run",
        min=words.number(scaling.replicas_min),
        max=words.number(scaling.replicas_max),
        target=words.percent(scaling.target_utilisation_percent / 100, 0),
        replicas=words.number(plan.answer.replicas),
        failures=words.number(plan.question.failures),
    )
    yield words("advice.ahead", replicas=words.number(plan.answer.replicas))
    if plan.needs.tiers:
        tiers = [
            words(
                "advice.tier",
                name=part(tier.name, words),
                instances=words.number(tier.instances),
                cpu=saying.cores(tier.cpu_m, words),
                memory=words.number(tier.memory_mib),
            )
            for tier in plan.needs.tiers
        ]
        yield words("advice.beside", tiers="; ".join(tiers))
    yield from _growing(plan, words)


def _growing(plan: PlanDocument, words: Words) -> Iterator[str]:
    limit = plan.breaks_first
    span = limit.patients or limit.rate_per_s
    key = "advice.enlarge_patients" if limit.patients else "advice.enlarge_arrivals"
    yield words(key, limit=saying.about(span.low or span.mid or 0.0, words), part=part(limit.name, words))
    days = [offer.read_on.isoformat() for offer in plan.costs.offers] or [plan.made_on.isoformat()]
    yield words("advice.again", day=words.day(min(days)))
