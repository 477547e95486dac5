"""From an opened run record and the objectives to a verdict."""

import sqlite3
from collections.abc import Iterator
from functools import partial

from slotrush.gate import cost, interval, tally
from slotrush.gate.interval import Estimate
from slotrush.gate.verdict import Outcome, Result, Verdict, doubted, overall
from slotrush.gate.window import Window, choose
from slotrush.runs import record
from slotrush.slo import Availability, Condition, Fact, Latency, Limit, Objectives
from slotrush.summary import Summary, summarise


def judge(connection: sqlite3.Connection, objectives: Objectives) -> Verdict:
    """Hold the run against every objective of its scenario."""
    summary = summarise(connection)
    last_answer_s = connection.execute("SELECT max(second) FROM latency").fetchone()[0]
    chosen = choose(record.event_times(connection), last_answer_s)
    window = chosen if isinstance(chosen, Window) else None
    lacking = summary.cut_short
    results = (*_facts(summary, objectives), *_measured(connection, summary, objectives, chosen, lacking))
    return Verdict(
        run_id=summary.run_id,
        scenario=summary.scenario,
        started_at=summary.started_at,
        duration_s=summary.duration_s,
        outcome=overall(results, lacking),
        results=results,
        window=window,
        no_window=chosen if isinstance(chosen, str) else "",
        lacking=lacking,
    )


def _facts(summary: Summary, objectives: Objectives) -> Iterator[Result]:
    """The conditions. One that is proven broken counts even where the file does not ask for it."""
    asked = {one.fact: one for one in objectives.of(summary.scenario) if isinstance(one, Condition)}
    for fact, outcome, reason in (_audit(summary), _generator(summary)):
        condition = asked.get(fact)
        if outcome is Outcome.FAIL:
            yield Result(condition or _unasked(fact), outcome, reason)
        elif condition is not None and condition.skip:
            yield Result(condition, Outcome.SKIPPED, condition.skip)
        elif condition is not None:
            yield Result(condition, outcome, reason)


def _unasked(fact: Fact) -> Condition:
    return Condition(name=fact, title=fact, position=None, fact=fact)


def _audit(summary: Summary) -> tuple[Fact, Outcome, str]:
    broken = {name: count for name, count in summary.audit.broken.items() if count}
    if broken:
        cases = ", ".join(f"{count:,} {name}" for name, count in broken.items())
        return Fact.AUDIT_CLEAN, Outcome.FAIL, f"the audit found promises broken: {cases}"
    if summary.audit.clean is None:
        return Fact.AUDIT_CLEAN, Outcome.UNDECIDED, "there was no audit, so nobody knows whether promises were kept"
    checked = sum(summary.audit.checked.values())
    return Fact.AUDIT_CLEAN, Outcome.PASS, f"{checked:,} cases were checked"


def _generator(summary: Summary) -> tuple[Fact, Outcome, str]:
    if summary.measuring_faults:
        return Fact.GENERATOR_VALID, Outcome.FAIL, "; ".join(summary.measuring_faults)
    if not summary.generator.workers:
        return Fact.GENERATOR_VALID, Outcome.UNDECIDED, "the health of the load generator was not recorded"
    return Fact.GENERATOR_VALID, Outcome.PASS, ""


def _measured(
    connection: sqlite3.Connection,
    summary: Summary,
    objectives: Objectives,
    window: Window | str,
    lacking: tuple[str, ...],
) -> Iterator[Result]:
    for one in objectives.of(summary.scenario):
        if isinstance(one, Condition):
            continue
        if one.skip:
            yield Result(one, Outcome.SKIPPED, one.skip)
        elif isinstance(window, str):
            yield Result(one, Outcome.UNDECIDED, window)
        else:
            result = (
                _limit(connection, window, one, summary.target.ran_elsewhere)
                if isinstance(one, Limit)
                else _share(connection, window, objectives, one)
            )
            yield doubted(result, summary.measuring_faults, lacking)


def _share(
    connection: sqlite3.Connection, window: Window, objectives: Objectives, one: Availability | Latency
) -> Result:
    covers = partial(objectives.covers, one.endpoints)
    counted = (
        tally.in_time(connection, window, covers, one.threshold_ms, one.timed_from)
        if isinstance(one, Latency)
        else tally.answered(connection, window, covers)
    )
    if not counted.requests:
        return Result(one, Outcome.UNDECIDED, f"no traffic: no request to {one.endpoints} was answered in the window")
    estimate = interval.proportion(counted.good, counted.total, window.stages)
    if estimate is None:
        return Result(one, Outcome.UNDECIDED, f"{window.seconds} s are too few to know how the figure varies")
    if estimate.low >= one.target:
        return Result(one, Outcome.PASS, estimate=estimate)
    return _below(one, estimate) if estimate.high < one.target else _unsure(one, estimate)


def _limit(connection: sqlite3.Connection, window: Window, one: Limit, ran_elsewhere: bool) -> Result:
    if ran_elsewhere and cost.unseen(connection, one):
        return Result(one, Outcome.SKIPPED, "the target ran elsewhere, where nobody saw what its parts used")
    estimate = cost.measure(connection, window, one)
    if isinstance(estimate, str):
        return Result(one, Outcome.UNDECIDED if one.required else Outcome.SKIPPED, estimate)
    if estimate.high <= one.at_most:
        return Result(one, Outcome.PASS, estimate=estimate)
    return _below(one, estimate) if estimate.low > one.at_most else _unsure(one, estimate)


def _below(one: Availability | Latency | Limit, estimate: Estimate) -> Result:
    return Result(one, Outcome.FAIL, "the whole interval is on the wrong side", estimate)


def _unsure(one: Availability | Latency | Limit, estimate: Estimate) -> Result:
    return Result(one, Outcome.UNDECIDED, "the interval has the objective in it: more requests would tell", estimate)
