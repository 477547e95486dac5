"""What one swarm is asked to do."""

from dataclasses import replace
from pathlib import Path

import pytest

from slotrush.errors import BadInputError
from slotrush.swarm.plan import Plan, check, until_the_last_arrival
from tests.slotrush.swarm.little_clinic import DOCTORS, PATIENTS, write_bank
from tests.slotrush.swarm.swarming import little_plan


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    return little_plan("http://127.0.0.1:1", write_bank(tmp_path / "bank.json"), tmp_path / "run")


@pytest.mark.parametrize(
    ("arrivals", "run_time_s", "lasts_s"),
    [
        pytest.param("poisson:5@10s", 600.0, 10.0, id="arrivals end first"),
        pytest.param("poisson:5@10s", None, 10.0, id="only arrivals end"),
        pytest.param("poisson:5@10m", 60.0, 60.0, id="time ends first"),
        pytest.param("poisson:5", 60.0, 60.0, id="only time ends"),
        pytest.param("poisson:5", None, None, id="nothing ends"),
        pytest.param(None, 60.0, 60.0, id="no arrivals"),
    ],
)
def test_an_open_load_is_over_with_its_arrivals_if_not_before(
    plan: Plan, arrivals: str | None, run_time_s: float | None, lasts_s: float | None
) -> None:
    asked = replace(plan, model="open", arrivals=arrivals, run_time_s=run_time_s)

    assert until_the_last_arrival(asked).run_time_s == lasts_s


def test_a_trace_is_over_with_its_last_arrival(plan: Plan, tmp_path: Path) -> None:
    (tmp_path / "trace.csv").write_text("timestamp\n1000\n1001.5\n")

    lasting = until_the_last_arrival(replace(plan, model="open", arrivals=f"trace:{tmp_path}/trace.csv"))

    assert lasting.run_time_s == pytest.approx(1.5, abs=1e-5)


def test_a_plan_that_fits_its_bank_is_fine(plan: Plan) -> None:
    check(plan, {"patient": PATIENTS, "doctor": DOCTORS, "staff": 0})


def test_some_class_that_waits_for_arrivals_needs_them_whatever_the_model(plan: Plan) -> None:
    with pytest.raises(BadInputError, match="--arrivals"):
        check(plan, {}, needs_arrivals=True)
