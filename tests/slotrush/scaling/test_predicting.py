"""What the simulator says of a load on this machine."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from slotrush.autoscale.manifest import read_hpa
from slotrush.autoscale.plant import Parts
from slotrush.autoscale.spec import Options
from slotrush.scaling import demands
from slotrush.scaling.predicting import Load, Predicted, local_system, predict
from slotrush.scaling.systems import compressed
from slotrush.swarm.load import parse_arrivals

HPA, CLOCK = compressed(read_hpa(Path(__file__).parents[3] / "k8s" / "base" / "hpa.yaml"), Options(), 10.0)
COSTS = demands.given(0.001)
PARTS = Parts(cpu_quota=0.08, connections_per_replica=64, timeout_s=60.0)
WAVE = Load(parse_arrivals("poisson:20@20s,poisson:200@60s,poisson:20@70s", None), 1.0, 150.0)
SYSTEM = local_system(HPA, CLOCK, 80, PARTS, 10.0, 1.5, 1.0)


@pytest.fixture(scope="module")
def said() -> Predicted:
    return predict(WAVE, SYSTEM, COSTS, seed=1, seeds=8, step_s=1.0, interval_s=5.0)


def test_a_swarm_and_its_simulation_have_the_same_arrivals() -> None:
    swarm_s = np.array(list(WAVE.arrivals.offsets_us(7))) / 1e6

    assert np.array_equal(WAVE.requests_s(7), swarm_s)
    assert replace(WAVE, duration_s=20.0).requests_s(7).max() < 20
    assert len(replace(WAVE, requests_each=1.5).requests_s(7)) == pytest.approx(1.5 * len(swarm_s), rel=0.02)


def test_the_load_needs_what_its_rate_asks_of_replicas_at_their_target(said: Predicted) -> None:
    """200/s of a millisecond are 0.2 cores, at 60 % of 80 m each; two always stand."""
    assert (said.demand[10], said.demand[50], said.demand[100]) == (2, 5, 2)


def test_replicas_follow_the_load_out_and_in(said: Predicted) -> None:
    assert said.serving[10] == 2
    assert 4 <= said.serving[70] <= 8
    assert said.serving[-1] < said.serving[90]
    assert np.all(said.serving_low <= said.serving)
    assert np.all(said.serving <= said.serving_high)
    assert len(said.serving) == len(said.demand) == 150


def test_what_is_answered_is_counted_by_interval(said: Predicted) -> None:
    assert len(said.availability_by_time) == 30
    assert said.availability_by_time[0] == 1.0
    assert 0.9 < said.availability <= 1.0


def test_a_pause_has_no_availability() -> None:
    pause = Load(parse_arrivals("poisson:20@5s,poisson:0@10s,poisson:20@15s", None), 1.0, 30.0)

    said = predict(pause, SYSTEM, COSTS, seed=1, seeds=2, step_s=1.0, interval_s=5.0)

    assert said.availability_by_time[1:3] == (None, None)
    assert said.availability_by_time[3] == 1.0
