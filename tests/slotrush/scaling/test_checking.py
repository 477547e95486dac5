"""What a check on this machine makes of a run's record, and what it refuses before anything starts."""

from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from slotrush import slo
from slotrush.autoscale.manifest import read_hpa
from slotrush.autoscale.spec import Options
from slotrush.elasticity.check import ScaleCheck
from slotrush.errors import BadInputError
from slotrush.gate.verdict import Outcome
from slotrush.run import RunOptions
from slotrush.runs import record
from slotrush.scaling import charts, checking, demands
from slotrush.scaling.checking import Attendant, Settings, answers_by_second, examine, prepare, scale_in, scale_out
from slotrush.scaling.systems import compressed
from slotrush.scaling.trail import LOOK_EVENT, TrailLook
from slotrush.swarm.scenario import SCENARIOS
from tests.slotrush.gate.written import READ, REQUESTS, START_S, Second, write_run

HPA_FILE = Path(__file__).parents[3] / "k8s" / "base" / "hpa.yaml"
SETTINGS = Settings(HPA_FILE, replicas_max=6, seeds=3)
PLAYS = replace(SCENARIOS["spike"], users=100, arrivals="poisson:240@60s", run_time_s=60.0)
OPTIONS = RunOptions("spike", PLAYS, cpu_quota_m=80)


def serving(second: int) -> int:
    """Two, five while it is busiest, and two again."""
    return 5 if 20 <= second < 40 else 2


def fate(_endpoint: str, second: int) -> Second:
    return Second(refused=1) if second == 25 else Second()


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    run_dir = write_run(tmp_path / "run", fate, scenario="spike")
    with closing(record.open_record(run_dir)) as connection:
        for second in range(61):
            leaving, left = (3, 3) if 40 <= second < 43 else (0, 3 if second >= 43 else 0)
            look = TrailLook(0, serving(second), serving(second), 0, leaving, left, second * 240 * 400)
            record.add_event(connection, (START_S + second) * 1_000_000, LOOK_EVENT, look.detail())
        connection.execute("UPDATE generator_health SET arrivals = ?", (sum(REQUESTS.values()),))
        connection.commit()
    return run_dir


@pytest.fixture
def attendant() -> Attendant:
    faster, clock = compressed(read_hpa(HPA_FILE), Options(), SETTINGS.compression)
    return Attendant(replace(faster, max_replicas=6), clock, 80, 1.5, start_s=[9.0, 11.0])


@pytest.fixture
def found(run_dir: Path, attendant: Attendant) -> ScaleCheck:
    with closing(record.open_record(run_dir)) as connection:
        return examine(connection, OPTIONS, SETTINGS, attendant, demands.measured(run_dir, slo.load()))


def test_the_replicas_are_those_of_the_record(found: ScaleCheck) -> None:
    assert (found.elasticity.replicas_min, found.elasticity.replicas_max, found.elasticity.limit) == (2, 5, 6)
    assert found.elasticity.replicas_mean == pytest.approx(3.0, abs=0.05)
    assert found.local is not None
    assert (found.local.started, found.local.start_s, found.local.left) == (2, 10.0, 3)


def test_predicted_and_measured_are_held_against_each_other(found: ScaleCheck) -> None:
    assert found.local is not None
    said = found.local.prediction
    assert said.calibrated_from == "run run"
    assert said.replicas_mean_measured == pytest.approx(3.0, abs=0.05)
    assert said.replicas_error == said.replicas_mean_predicted / said.replicas_mean_measured - 1
    assert len(said.availability_measured_by_time) == len(said.availability_predicted_by_time) == 12
    assert len(found.replicas["predicted"]) == len(found.replicas["ready"]) == 60


def test_costs_may_come_from_another_run_but_the_load_is_its_own(run_dir: Path) -> None:
    """A closed run's arrivals are its patients, each of whom asks for many things."""
    own = demands.measured(run_dir, slo.load())
    soak = replace(own, source="a soak", database_s=0.004, requests_per_arrival=180.0)

    used = checking.of_this_load(own, soak)

    assert (used.source, used.database_s) == ("a soak", 0.004)
    assert used.requests_per_arrival == own.requests_per_arrival
    assert checking.of_this_load(own, None) == own


def test_what_was_refused_is_no_failure_but_not_available_either(found: ScaleCheck) -> None:
    assert found.local is not None
    assert found.local.failed == 0
    assert found.local.prediction.availability < 1.0
    assert found.local.prediction.availability_measured_by_time[5] == pytest.approx(1 - 6 / (5 * 244), abs=1e-4)


@pytest.mark.parametrize("fate", ["bad", "refused"])
def test_nothing_may_fail_while_a_replica_leaves(run_dir: Path, attendant: Attendant, fate: str) -> None:
    """Refused is what a proxy says whose replica has gone."""
    with closing(record.open_record(run_dir)) as connection:
        connection.execute(f"UPDATE latency SET {fate} = 2 WHERE second = ? AND endpoint = ?", (START_S + 41, READ))
        found = examine(connection, OPTIONS, SETTINGS, attendant, demands.measured(run_dir, slo.load()))

    assert found.local is not None
    assert found.local.failed_while_leaving == 4
    assert scale_in(found.local).outcome is Outcome.FAIL
    assert scale_in(replace(found.local, failed_while_leaving=0)).outcome is Outcome.PASS
    assert scale_in(replace(found.local, left=0)).outcome is Outcome.UNDECIDED


def test_replicas_have_to_come_when_more_are_wanted(found: ScaleCheck) -> None:
    none, late = replace(found.elasticity, rises=0), replace(found.elasticity, unfinished_rises=1, slowest_rise_s=None)

    assert scale_out(found.elasticity).outcome is Outcome.PASS
    assert scale_out(none).outcome is Outcome.UNDECIDED
    assert scale_out(late).outcome is Outcome.FAIL


def test_an_arrival_that_found_nobody_free_was_not_answered(run_dir: Path) -> None:
    with closing(record.open_record(run_dir)) as connection:
        before = answers_by_second(connection, START_S, 60)
        connection.execute("UPDATE generator_health SET dropped = 5 WHERE second = ?", (START_S + 30,))
        after = answers_by_second(connection, START_S, 60)

    assert after.asked[30] == before.asked[30] + 10  # of two workers
    assert after.good[30] == before.good[30]


def test_a_chart_has_the_error_in_its_description(found: ScaleCheck) -> None:
    chart = charts.of_check(found)

    assert chart.startswith("<svg")
    assert f"{found.local.prediction.replicas_error:+.1%}" in chart if found.local else False


def test_a_load_that_was_cut_short_is_not_examined(tmp_path: Path, attendant: Attendant) -> None:
    run_dir = write_run(tmp_path / "short", scenario="spike", ended=False)
    with (
        closing(record.open_record(run_dir)) as connection,
        pytest.raises(BadInputError, match="did not come to its end"),
    ):
        examine(connection, OPTIONS, SETTINGS, attendant, demands.given(0.001))


@pytest.mark.parametrize(
    ("options", "settings", "problem"),
    [
        (replace(OPTIONS, plays=SCENARIOS["soak"]), SETTINGS, "depends on the answers"),
        (replace(OPTIONS, cpu_quota_m=None), SETTINGS, "share of a CPU request"),
        (OPTIONS, replace(SETTINGS, compression=0.5), "must be from 1 to 60"),
        (OPTIONS, replace(SETTINGS, replicas_max=1), "must be from 2 to 64"),
        (OPTIONS, replace(SETTINGS, hpa_file=Path("/nowhere.yaml")), "nowhere.yaml"),
        (OPTIONS, replace(SETTINGS, calibrated_from=HPA_FILE.parent), "run.sqlite"),
    ],
    ids=[
        "closed load",
        "no request",
        "slower clock",
        "too few replicas",
        "no manifest",
        "no run to say what requests cost",
    ],
)
def test_what_cannot_be_checked_is_named(options: RunOptions, settings: Settings, problem: str) -> None:
    with pytest.raises(BadInputError, match=problem):
        prepare(options, settings, slo.load())


def test_an_autoscaler_of_a_container_that_no_replica_is_cannot_be_checked(tmp_path: Path) -> None:
    path = tmp_path / "hpa.yaml"
    whole, of_container = "type: Resource\n      resource:\n", "type: ContainerResource\n      containerResource:\n"
    path.write_text(HPA_FILE.read_text().replace(whole, f"{of_container}        container: web\n"))

    with pytest.raises(BadInputError, match="container web alone, and its pods have app"):
        prepare(OPTIONS, replace(SETTINGS, hpa_file=path), slo.load())


def test_a_run_that_says_what_requests_cost_is_read_before_anything_starts(tmp_path: Path) -> None:
    known = write_run(tmp_path / "known")

    _, _, demands = prepare(replace(OPTIONS, results=tmp_path), replace(SETTINGS, calibrated_from=known), slo.load())

    assert demands is not None
    assert demands.source == "run known"


def test_the_cpu_time_of_a_process_that_is_gone_is_unknown() -> None:
    assert checking.cpu_s(2**22 + 1) is None
