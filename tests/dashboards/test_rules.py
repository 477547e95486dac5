"""The rules: promtool accepts them, every alert fires when it should and only then, and they say what slo.yaml says."""

import re
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from dashboards import rules, sli, unmeasurable
from dashboards.all import GENERATED, RULES
from dashboards.burning import burn_windows
from dashboards.classes import regex, series
from slotrush import slo
from slotrush.slo import Latency, Objectives
from target_app import metrics
from tests.dashboards.watching import needs_promtool

FILE = GENERATED / RULES
CASES = Path(__file__).with_name("rules_test.yaml")
DAY_S = 86_400
OWN = slo.load()


def promtool(*words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["promtool", *map(str, words)], capture_output=True, text=True, check=False, timeout=120)


def changed(folder: Path, *replacements: tuple[str, str]) -> Objectives:
    """slotrush's own objectives, with other words in them."""
    text = OWN.path.read_text()
    for former, new in replacements:
        assert former in text
        text = text.replace(former, new)
    file = folder / "slo.yaml"
    file.write_text(text)
    return slo.load(file)


@needs_promtool
def test_promtool_accepts_the_rules() -> None:
    checked = promtool("check", "rules", FILE)

    assert checked.returncode == 0, checked.stdout + checked.stderr


@needs_promtool
def test_every_alert_fires_when_it_should_and_only_then() -> None:
    tested = promtool("test", "rules", CASES)

    assert tested.returncode == 0, tested.stdout + tested.stderr


def test_each_alert_has_a_case_in_which_it_fires_and_one_in_which_it_does_not() -> None:
    groups = yaml.safe_load(FILE.read_text())["groups"]
    alerts = {rule["alert"] for group in groups for rule in group["rules"] if "alert" in rule}
    cases = yaml.safe_load(CASES.read_text())["tests"]
    expected = [one for case in cases for one in case.get("alert_rule_test", [])]
    firing = {one["alertname"] for one in expected if one["exp_alerts"]}
    # In a case with several places an alert that is expected of one only must be silent in the other.
    silent = {one["alertname"] for one in expected if not one["exp_alerts"]} | {
        one["alertname"]
        for case in cases
        for one in case.get("alert_rule_test", [])
        if 0 < len(one["exp_alerts"]) < len(_places(case))
    }

    assert (alerts - firing, alerts - silent) == (set(), set())


def _places(case: dict[str, Any]) -> set[str]:
    return {name for one in case["input_series"] for name in re.findall('namespace="(.*?)"', one["series"])}


def test_rules_have_the_names_that_sloth_made_customary() -> None:
    windows = ("5m", "30m", "1h", "2h", "6h", "1d", "3d", "30d")

    assert {f"slo:sli_error:ratio_rate{window}" for window in windows} <= set(rules.names(FILE.read_text()))
    assert {
        "slo:objective:ratio",
        "slo:error_budget:ratio",
        "slo:time_period:days",
        "slo:current_burn_rate:ratio",
        "slo:period_burn_rate:ratio",
        "slo:period_error_budget_remaining:ratio",
        "sloth_slo_info",
    } <= set(rules.names(FILE.read_text()))


def test_burn_rates_for_30_days_are_those_of_the_workbook() -> None:
    assert [(one.severity, one.long, one.short, round(one.factor(30 * DAY_S), 6)) for one in burn_windows()] == [
        ("page", "1h", "5m", 14.4),
        ("page", "6h", "30m", 6.0),
        ("ticket", "1d", "2h", 3.0),
        ("ticket", "3d", "6h", 1.0),
    ]


def test_the_histogram_has_the_bounds_that_the_rules_count_on() -> None:
    upper = metrics.DURATION.labels("GET", "/")._upper_bounds

    assert tuple(upper[:-1]) == sli.BOUNDS_S


def test_own_objectives_can_all_be_measured() -> None:
    assert unmeasurable(OWN) == []


def test_a_threshold_between_two_bounds_is_told() -> None:
    (objective, reason), *others = unmeasurable(_with_threshold(450))

    assert (objective.name, others) == ("bookings-latency", [])
    assert "fasterThanMs 450 is no bound" in reason


def _with_threshold(threshold_ms: int) -> Objectives:
    bookings = [one for one in OWN.every if isinstance(one, Latency) and one.name == "bookings-latency"]
    return replace(OWN, every=tuple(replace(one, threshold_ms=threshold_ms) for one in bookings))


@pytest.mark.parametrize(
    ("pattern", "expression"),
    [
        ("GET", "GET"),
        ("/v1/*/book", "/v1/.*/book"),
        ("/v1/a.b", r"/v1/a\.b"),
        ("/v1/{id}", r"/v1/\{id\}"),
        ("P?T", "P.T"),
        ("[GH]*", "[GH].*"),
        ("[!P]*", "[^P].*"),
    ],
)
def test_a_pattern_of_a_shell_becomes_a_regular_expression(pattern: str, expression: str) -> None:
    assert regex(pattern) == expression


def test_a_class_is_what_fits_it_and_none_before_it() -> None:
    reads = series(OWN, "reads", "m", window="5m")
    others = series(OWN, "other-writes", "m", window="5m")

    assert reads == 'rate(m{job="app",method=~"GET|HEAD",route!~"/livez|/readyz|/metrics"}[5m])'
    assert others.startswith(
        '(rate(m{job="app",route!~"/livez|/readyz|/metrics"}[5m])) unless (rate(m{job="app",method=~"GET|HEAD"'
    )


def test_a_pattern_without_a_method_is_told(tmp_path: Path) -> None:
    objectives = changed(tmp_path, ('patterns: ["GET *", "HEAD *"]', 'patterns: ["*/doctors"]'))

    assert [objective.name for objective, _ in unmeasurable(objectives)] == ["bookings-latency", "reads-latency"]


@needs_promtool
@pytest.mark.parametrize("duration", ["7d", "4w", "90m"])
def test_objectives_over_other_periods_make_rules_too(tmp_path: Path, duration: str) -> None:
    objectives = changed(tmp_path, ("duration: 30d", f"duration: {duration}"))
    file = tmp_path / RULES
    file.write_text(rules.document(objectives))

    assert promtool("check", "rules", file).returncode == 0
    assert rules.period(sli.measured(objectives)[0]) == {"7d": "7d", "4w": "28d", "90m": "5400s"}[duration]
