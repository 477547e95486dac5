"""The verdict of a run in a few lines, for who sits at the terminal."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from slotrush.report.page import reason
from slotrush.report.verdict import Kind, Verdict, judge
from slotrush.report.words import LANGUAGES, Words
from slotrush.runs import record
from slotrush.summary import Summary, summarise


def conclusion(run_dir: Path) -> tuple[Kind, list[str]]:
    """The verdict, and the lines that say it with the figures that matter."""
    with closing(record.open_finished(run_dir)) as connection:
        summary = summarise(connection)
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
    if summary.peak_memory_bytes is not None:
        yield f"  peak memory of everything together: {words.size(summary.peak_memory_bytes)}"
