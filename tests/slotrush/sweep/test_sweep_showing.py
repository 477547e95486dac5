"""A sweep on the screen."""

import io
from dataclasses import replace

import pytest
from rich.console import Console

from slotrush.sweep import showing
from slotrush.sweep.model import Settings
from slotrush.sweep.sweeping import News
from tests.slotrush.sweep.swept import OBJECTIVES, Laboratory, empty, measured


def printed(*renderables: object) -> str:
    output = io.StringIO()
    Console(file=output, width=160).print(*renderables)
    return output.getvalue()


def test_there_is_a_row_for_each_number_of_replicas() -> None:
    lines = printed(showing.table(measured(Settings(), Laboratory()))).splitlines()
    assert [line.split()[0] for line in lines] == ["replicas", "1", "2", "3", "4", "6", "8"]
    assert all("app" in line and "clean" in line for line in lines[1:])


def test_the_law_is_said_in_words_with_what_it_predicts() -> None:
    lines = showing.conclusion(measured(Settings(), Laboratory()), OBJECTIVES)
    assert lines[2].startswith(
        "the machine was 1.00 to 1.00 times as fast as on average; limits are those at its average"
    )
    assert lines[3].startswith("scaling law (amdahl): ")
    assert lines[4].startswith("the universal form, to compare: contention ")
    assert [line.split(",")[0] for line in lines[5:]] == ["6 replicas", "8 replicas"]


def test_the_disagreement_with_the_operational_laws_is_said() -> None:
    """Where a swarm passed: an overload is not in balance, and Little's law says nothing of it."""
    assert showing.checks(measured(Settings(), Laboratory())) == [
        "Little's law: bookings under way are off by 1.0% at worst, where a swarm passed",
        "utilisation law: the replicas' CPU is off by 0.0% at worst",
    ]
    assert showing.checks(empty(Settings())) == []


def test_without_quotas_it_is_said_that_there_is_no_law() -> None:
    lines = showing.conclusion(measured(Settings(replicas=(1, 2), cpu_quota_m=None), Laboratory()), OBJECTIVES)
    assert (
        lines[-1] == "no scaling law: the replicas had no CPU quota: however many there are, they share the same cores"
    )


def test_swarms_that_no_audit_covers_are_told() -> None:
    sweep = measured(Settings(replicas=(1, 2)), Laboratory())
    point = replace(sweep.points[0], audits=sweep.points[0].audits[:-1])
    missing = len(sweep.points[0].audits[-1].runs)
    row = printed(showing.table(sweep.having(point))).splitlines()[1]
    assert row.rstrip().endswith(f"clean, {missing} probes not audited")


@pytest.mark.parametrize(("seconds", "text"), [(0, "at most 0 min"), (61, "at most 2 min"), (3600, "at most 60 min")])
def test_the_time_left_is_in_whole_minutes(seconds: float, text: str) -> None:
    assert showing.left(seconds).startswith(text)


@pytest.mark.parametrize("terminal", [True, False], ids=["terminal", "pipe"])
def test_progress_says_what_is_done_and_how_long_the_rest_takes(terminal: bool) -> None:
    output = io.StringIO()
    console = Console(file=output, force_terminal=terminal, width=120)
    with showing.progress(console) as tell:
        tell(News(empty(Settings()), "2 replicas: probe 3", 125.0))
    assert "2 replicas: probe 3" in output.getvalue()
    assert "at most 3 min left" in output.getvalue()
