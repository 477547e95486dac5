"""A swarm and its objectives as a team would test them, with slotrush's own pytest plugin."""

import pytest

from slotrush.pytest_plugin import SloRun

pytestmark = [
    pytest.mark.long,  # tests/slotrush/test_pytest_plugin.py looks at the plugin, with a run that was written down
    pytest.mark.alone,  # the run judges whether it had the machine for itself
    pytest.mark.slo("hot_doctor", patients=400, slots=20, slo="lenient.yaml"),
]


def test_where_everyone_wants_one_doctor_the_objectives_are_kept(slo_run: SloRun) -> None:
    slo_run.check()
    assert [one.objective.name for one in slo_run.verdict.results] == ["audit-clean", "generator-valid", "availability"]


def test_every_slot_of_the_doctor_is_sold_once(slo_run: SloRun) -> None:
    assert slo_run.summary.race is not None
    assert slo_run.summary.race.sold_once == 20
    assert (slo_run.folder / "report.html").exists()
