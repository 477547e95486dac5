"""A plan on the screen."""

from dataclasses import replace

from rich.console import Console

from slotrush.capacity.plan_document import PlanDocument
from slotrush.plan.measured import Database
from slotrush.plan.showing import render
from tests.slotrush.plan.planned import ASKED, document, for_patients, made, sweep


def shown(of: PlanDocument) -> str:
    console = Console(width=250)
    with console.capture() as captured:
        for part in render(of):
            console.print(part)
    return captured.get()


def test_what_is_promised_is_said_of_a_plan_that_holds_and_of_no_other() -> None:
    assert f"{document().answer.promised_patients:,} patients with 30% head-room" in shown(document())
    assert "promised" not in shown(made(sweep(), replace(ASKED, database=Database(cpu_m_max=100))))


def test_the_hours_and_replicas_of_the_cheaper_month_are_said() -> None:
    least = document().needs.autoscaling.replicas_min

    assert f"{least} replicas in every hour but 60 a month at the peak" in shown(document())


def test_who_comes_beyond_the_plan_waits_and_that_is_said() -> None:
    lines = [line.split() for line in shown(made(sweep(), for_patients(2_000))).splitlines() if " x patients " in line]
    waits_ms = [int(line[line.index("ms") - 1].replace(",", "")) for line in lines]

    assert [line[0] for line in lines] == ["1", "2", "3"]
    assert waits_ms == sorted(waits_ms)
    assert waits_ms[2] > 5 * waits_ms[0]
