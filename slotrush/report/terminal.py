"""The verdict of a run in a few lines, for who sits at the terminal."""

from collections.abc import Iterator

from slotrush.report.page import reason
from slotrush.report.verdict import Kind, Verdict, judge
from slotrush.report.words import LANGUAGES, Words
from slotrush.summary import Summary
from slotrush.summary.model import Load


def conclusion(summary: Summary) -> tuple[Kind, list[str]]:
    """The verdict, and the lines that say it with the figures that matter."""
    verdict = judge(summary)
    return verdict.kind, [*_lines(summary, verdict, Words(LANGUAGES[0]))]


def _lines(summary: Summary, verdict: Verdict, words: Words) -> Iterator[str]:
    yield words(f"verdict.{verdict.kind}")
    yield from (f"  {reason(found, words)}" for found in (*verdict.reasons, *verdict.remarks))
    race = summary.race
    if race is not None and race.drain_s is not None:
        yield (
            f"  {words.number(race.attempts)} attempts: {words.number(race.acknowledged)} booked,"
            f" {words.number(race.taken_answers)} answered taken; drained in {words.seconds(race.drain_s)}"
        )
    if race is not None and race.drain_ratio is not None and race.floor_s is not None:
        yield f"  drain against the floor of {words.seconds(race.floor_s)}: {words.fixed(race.drain_ratio, 2)} x"
    if race is not None and race.response_ms is not None:
        times = race.response_ms
        yield (
            f"  response time since the drop: p50 {words.milliseconds(times.p50)}, p99 {words.milliseconds(times.p99)},"
            f" max {words.milliseconds(times.max)}"
        )
    if summary.load is not None:
        yield from _load_lines(summary.load, words)
    if summary.peak_memory_bytes is not None:
        yield f"  peak memory of everything together: {words.size(summary.peak_memory_bytes)}"


def _load_lines(load: Load, words: Words) -> Iterator[str]:
    yield f"  {words.number(load.requests)} requests, {words.number(load.requests_per_s, 1)} a second"
    for name, found in load.classes.items():
        times = found.response_ms
        yield (
            f"  {words.find(f'class.{name}', name)}: p50 {words.milliseconds(times.p50)},"
            f" p99 {words.milliseconds(times.p99)}, max {words.milliseconds(times.max)}"
        )
    if load.arrivals:
        yield f"  arrivals that never started: {words.number(load.dropped)} of {words.number(load.arrivals)}"
