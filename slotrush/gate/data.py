"""A verdict as JSON. Keys are only ever added; units are in their names, or in `unit`."""

import json
from typing import Any, Final

from slotrush.gate import words
from slotrush.gate.interval import CONFIDENCE
from slotrush.gate.verdict import Result, Verdict
from slotrush.slo import Condition, Figure, Latency, Limit, Objective

SCHEMA_VERSION: Final = 1
UNITS: Final = {
    Figure.CPU: "µs of CPU per request",
    Figure.STATEMENTS: "statements per request",
    Figure.MEMORY: "bytes per replica",
}


def render(verdict: Verdict) -> str:
    window = verdict.window
    content = {
        "schema_version": SCHEMA_VERSION,
        "run_id": verdict.run_id,
        "scenario": verdict.scenario,
        "started_at": verdict.started_at,
        "outcome": verdict.outcome,
        "exit_code": verdict.exit_code,
        "window": window and {"first_s": window.first_s, "last_s": window.last_s, "rule": window.rule},
        "no_window": verdict.no_window,
        "lacking": verdict.lacking,
        "confidence": CONFIDENCE,
        "objectives": [_result(one) for one in verdict.results],
    }
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def _result(result: Result) -> dict[str, Any]:
    one, estimate = result.objective, result.estimate
    return {
        "name": one.name,
        "title": one.title,
        "kind": type(one).__name__.lower(),
        "outcome": result.outcome,
        "reason": result.reason,
        "figure": estimate and estimate.figure,
        "low": estimate and estimate.low,
        "high": estimate and estimate.high,
        "requests": estimate and estimate.requests,
        "blocks": estimate and estimate.blocks,
        **_wanted(one),
        "file": one.position and words.shown_path(one.position),
        "line": one.position and one.position.line,
    }


def _wanted(one: Objective) -> dict[str, Any]:
    if isinstance(one, Limit):
        return {"unit": UNITS[one.figure], "components": one.components, "at_most": one.at_most}
    if isinstance(one, Condition):
        return {}
    wanted: dict[str, Any] = {"unit": "share of requests", "endpoints": one.endpoints, "at_least": one.target}
    return wanted | (
        {"threshold_ms": one.threshold_ms, "timed_from": one.timed_from} if isinstance(one, Latency) else {}
    )
