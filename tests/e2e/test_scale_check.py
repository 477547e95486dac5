"""A small real check of the scaling: replicas come and go under load, and the simulator had said how many."""

from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from slotrush import slo
from slotrush.elasticity.check import of_run
from slotrush.errors import BadInputError
from slotrush.gate.verdict import Outcome
from slotrush.run import RunOptions
from slotrush.runs import record
from slotrush.scaling import checking, trail
from slotrush.scaling.checking import Settings
from slotrush.stack import quota
from slotrush.swarm.scenario import SCENARIOS

HPA_FILE = Path(__file__).parents[2] / "k8s" / "base" / "hpa.yaml"
WAVE = "poisson:10@10s,poisson:130@40s,poisson:10@30s"
PLAYS = replace(SCENARIOS["steady_day"], users=300, doctors=60, slots=5_000, arrivals=WAVE, run_time_s=80.0)


@pytest.mark.alone
@pytest.mark.long
def test_replicas_follow_the_load_as_the_simulator_says_and_lose_nothing(tmp_path: Path) -> None:
    try:
        quota.find_parent()
    except BadInputError as error:
        pytest.skip(str(error))
    options = RunOptions("steady_day", PLAYS, results=tmp_path, cpu_quota_m=100, spawn_rate_per_s=40)
    settings = Settings(HPA_FILE, replicas_max=4, compression=30.0)

    run_dir, found, results = checking.check(options, settings, slo.load(), Console(quiet=True))

    assert of_run(run_dir) == found
    assert (run_dir / checking.CHART_NAME).read_text().startswith("<svg")
    assert found.elasticity.replicas_max > 2, found.elasticity
    assert found.local is not None
    assert found.local.started > 0
    assert found.local.left > 0
    [scaled_in] = [one for one in results if one.objective.name == checking.SCALE_IN]
    assert scaled_in.outcome is Outcome.PASS, scaled_in.reason
    [audited] = [one for one in results if one.objective.name == "audit-clean"]
    assert audited.outcome is Outcome.PASS, audited.reason
    assert abs(found.local.prediction.replicas_error) < 0.25  # 10 % is measured on a longer load
    with closing(record.open_record(run_dir)) as connection:
        assert {look.serving for look in trail.read(connection)} >= {2, found.elasticity.replicas_max}
