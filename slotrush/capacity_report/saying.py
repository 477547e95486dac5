"""Figures in words: intervals, lists, margins, loads in patients or requests, and the promises made to patients."""

from collections.abc import Callable, Sequence
from typing import Final

from slotrush.capacity.plan_document import Question, Span
from slotrush.capacity_report import promises
from slotrush.report.words import UNKNOWN, Words
from slotrush.slo import ALL_ENDPOINTS, Availability, Latency, Objectives

Format = Callable[[float], str]
_CERTAIN_MAX: Final = 0.999


def interval(span: Span, form: Format, words: Words) -> str:
    """Its ends, or its lower end alone where nothing is known of the upper one."""
    if span.low is None:
        return UNKNOWN
    if span.high is None:
        return words("brief.from_on", low=form(span.low))
    return words("brief.from_to", low=form(span.low), high=form(span.high))


def spanned(span: Span, form: Format, words: Words) -> str:
    """The estimate with its interval; alone where both ends read as the estimate does."""
    told = middle(span, form)
    if span.low is not None and span.high is not None and {form(span.low), form(span.high)} == {told}:
        return told
    return f"{told} ({interval(span, form, words)})"


def middle(span: Span, form: Format) -> str:
    return UNKNOWN if span.mid is None else form(span.mid)


def listed(parts: Sequence[str], words: Words) -> str:
    """One, two and three."""
    *others, last = parts or [UNKNOWN]
    return words("brief.join_last").join([", ".join(others), last] if others else [last])


def margin(share: float, words: Words) -> str:
    """With its sign: +25 %."""
    sign = "+" if share >= 0 else "\u2212"
    return f"{sign}{words.percent(abs(share), 0)}"


def certainty(share: float, words: Words) -> str:
    """Never 100 %: that every draw passed leaves one in a thousand open."""
    if share > _CERTAIN_MAX:
        return words("brief.more_than", value=words.percent(_CERTAIN_MAX))
    return words.percent(share)


def rate(per_s: float, words: Words) -> str:
    """Requests per second, with a decimal while they are few."""
    return words.number(per_s, 1 if per_s < 100 else 0)


def about(count: float, words: Words) -> str:
    """A count of patients to three digits: more would claim too much."""
    if count < 1000:
        return words.number(count)
    unit = 10 ** (len(str(int(count))) - 3)
    return words.number(round(count / unit) * unit)


def copies(count: int, words: Words) -> str:
    """One copy, two copies."""
    return words("brief.copies_one" if count == 1 else "brief.copies_other", count=words.number(count))


def cores(cpu_m: float, words: Words) -> str:
    """Thousandths of a core as cores."""
    return words.number(cpu_m / 1000, 3)


def asked(question: Question, words: Words) -> str:
    """The question of the report, as its title."""
    if question.patients is None:
        return words("brief.title_arrivals", rate=rate(question.arrivals_per_s, words))
    return words("brief.title_patients", patients=words.number(question.patients))


def explained(question: Question, words: Words) -> str:
    """What the question means."""
    per_s = rate(question.arrivals_per_s, words)
    if question.patients is None or question.think_time_s is None:
        return words("brief.asked_arrivals", rate=per_s)
    return words(
        "brief.asked_patients",
        patients=words.number(question.patients),
        think=words.number(question.think_time_s, 1),
        rate=per_s,
    )


def promise(objectives: Objectives, words: Words) -> str:
    """All promises to patients in one sentence; empty when there are none."""
    said = [_promised(one, words) for one in promises.made(objectives)]
    return words("brief.promise", objectives="; ".join(said)) if said else ""


def _promised(one: Availability | Latency, words: Words) -> str:
    share, name = words.percent(one.target, 2), kind_of_request(one.endpoints, words)
    if isinstance(one, Availability):
        return words("brief.promise_availability", share=share, name=name)
    return words("brief.promise_latency", share=share, name=name, time=words.milliseconds(one.threshold_ms))


def kind_of_request(name: str, words: Words) -> str:
    """A class of endpoints, or all of them, in the middle of a sentence."""
    return words("brief.all") if name == ALL_ENDPOINTS else words.find(f"class.{name}", name)
