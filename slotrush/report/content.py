"""What a report is made of, read from the run record once for every language."""

import sqlite3
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Final

from slotrush.audit import INVARIANTS, Check
from slotrush.report import generator, timeline
from slotrush.report.verdict import Verdict, judge
from slotrush.summary import Summary, summarise

FINDINGS_SHOWN: Final = 20
"""How many of the cases that break one invariant a page lists."""


@dataclass(frozen=True)
class Content:
    """`queries` has the SQL behind a figure under the figure's name."""

    summary: Summary
    verdict: Verdict
    audit: tuple[Check, ...]
    timeline: timeline.Timeline | None
    generator: generator.Course | None
    queries: Mapping[str, str]


def gather(connection: sqlite3.Connection, summary: Summary | None = None) -> Content:
    """`summary`: the run's own, if somebody has summed it up already."""
    summary = summary or summarise(connection)
    return Content(
        summary=summary,
        verdict=judge(summary),
        audit=_audit(connection),
        timeline=timeline.read(connection),
        generator=generator.read(connection),
        queries=trace_queries(),
    )


def trace_queries() -> dict[str, str]:
    source = files("slotrush.report").joinpath("trace.toml").read_text(encoding="utf-8")
    return dict(tomllib.loads(source))


def _audit(connection: sqlite3.Connection) -> tuple[Check, ...]:
    """In the audit's own order; an invariant that it does not know comes last."""
    order = list(INVARIANTS)
    rows = connection.execute("SELECT invariant, title, checked, broken FROM audit").fetchall()
    rows.sort(key=lambda row: (order.index(row[0]) if row[0] in order else len(order), row[0]))
    return tuple(
        Check(invariant, title, checked, broken, _findings(connection, invariant))
        for invariant, title, checked, broken in rows
    )


def _findings(connection: sqlite3.Connection, invariant: str) -> tuple[str, ...]:
    rows = connection.execute(
        "SELECT detail FROM audit_findings WHERE invariant = ? LIMIT ?", (invariant, FINDINGS_SHOWN)
    )
    return tuple(detail for (detail,) in rows)
