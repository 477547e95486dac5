"""The autoscaler on replicas, here of a little world that keeps its own time."""

import json
from dataclasses import dataclass, field, replace

import pytest

from slotrush.autoscale.counting import REQUESTS
from slotrush.autoscale.spec import Behaviour, Hpa, Options, PodsMetric, Policy, ResourceMetric, ScalingRules
from slotrush.errors import BadInputError
from slotrush.scaling.scaler import Scaler
from slotrush.scaling.trail import LOOK_EVENT, SCALED_EVENT
from slotrush.stack.replicas import Stage

AT_ONCE = ScalingRules((Policy("Pods", 100, 1.5),), stabilisation_s=0.0)
HPA = Hpa(8, 2, (ResourceMetric("cpu", utilisation_percent=50),), Behaviour(AT_ONCE, AT_ONCE), name="app")
CLOCK = Options(sync_period_s=1.5, cpu_initialisation_s=30.0)
REQUEST_M = 100
START_S, POLL_S = 4.0, 0.25


@dataclass(frozen=True)
class Program:
    pid: int


@dataclass(frozen=True)
class Replica:
    number: int
    process: Program
    stage: Stage
    since_s: float


@dataclass
class World:
    """Replicas that start and leave by themselves, and share a load of `cores`; each starts with a second of CPU."""

    cores: float = 0.0
    leave_s: float = 1.0
    now_s: float = 0.0
    replicas: list[Replica] = field(default_factory=list)
    used_s: dict[int, float] = field(default_factory=dict)
    requests_per_s: float = 0.0
    answered: dict[int, float] = field(default_factory=dict)
    """Of those that the proxies know."""
    events: list[tuple[str, dict[str, int]]] = field(default_factory=list)

    def at(self, stage: Stage) -> tuple[Replica, ...]:
        return tuple(one for one in self.replicas if one.stage is stage)

    def start(self, stage: Stage) -> None:
        number = len(self.used_s) + 1
        self.used_s[number] = 0.0
        self.replicas.append(Replica(number, Program(number), stage, self.now_s))

    def ask_for(self, replicas: int) -> None:
        wanted = [one for one in self.replicas if one.stage in (Stage.STARTING, Stage.SERVING)]
        for _ in range(replicas - len(wanted)):
            self.start(Stage.STARTING)
        for one in wanted[replicas:]:
            self.move(one, Stage.LEAVING)

    def move(self, one: Replica, stage: Stage) -> None:
        self.replicas[self.replicas.index(one)] = replace(one, stage=stage, since_s=self.now_s)

    def requests(self) -> dict[int, int]:
        return {number: int(count) for number, count in self.answered.items()}

    def tend(self) -> bool:
        for one in self.at(Stage.STARTING):
            if self.now_s - one.since_s >= START_S:
                self.move(one, Stage.SERVING)
        self.replicas = [
            one for one in self.replicas if one.stage is not Stage.LEAVING or self.now_s - one.since_s < self.leave_s
        ]
        return True

    def cpu_s(self, pid: int) -> float | None:
        return self.used_s.get(pid)

    def note(self, name: str, detail: str) -> None:
        self.events.append((name, json.loads(detail)))

    def live(self, live: Scaler, seconds: float, under_load: bool = True) -> list[str]:
        told: list[str] = []
        for _ in range(round(seconds / POLL_S)):
            self.now_s += POLL_S
            serving = self.at(Stage.SERVING)
            for one in serving:
                self.used_s[one.process.pid] += POLL_S * self.cores / len(serving)
                self.answered[one.number] = self.answered.get(one.number, 0.0) + POLL_S * self.requests_per_s / len(
                    serving
                )
            self.answered = {one.number: self.answered[one.number] for one in serving}
            for one in self.at(Stage.STARTING):
                self.used_s[one.process.pid] += POLL_S * 1.0 / START_S
            told.extend(live.tend(self.now_s, under_load))
        return told

    def of(self, name: str) -> list[dict[str, int]]:
        return [detail for event, detail in self.events if event == name]


@pytest.fixture
def world() -> World:
    world = World()
    for _ in range(HPA.min_replicas):
        world.start(Stage.SERVING)
    return world


@pytest.fixture
def live(world: World) -> Scaler:
    return Scaler(world, HPA, CLOCK, REQUEST_M, 1.5, world.cpu_s, world.note)


def test_replicas_come_as_many_as_the_load_needs(world: World, live: Scaler) -> None:
    """0.25 cores at 50 % of a tenth of one each."""
    world.cores = 0.25

    world.live(live, 40.0)

    assert len(world.at(Stage.SERVING)) == 5


def test_they_leave_when_the_load_does(world: World, live: Scaler) -> None:
    world.cores = 0.25
    world.live(live, 40.0)
    world.cores = 0.01

    told = world.live(live, 60.0)

    assert len(world.replicas) == HPA.min_replicas
    assert any("All metrics below target" in words for words in told)
    assert world.of(LOOK_EVENT)[-1]["left"] == 3


def test_those_that_are_leaving_are_not_counted_on_when_the_load_returns(world: World, live: Scaler) -> None:
    world.cores, world.leave_s = 0.25, 200.0
    world.live(live, 40.0)
    world.cores = 0.01
    world.live(live, 60.0)
    world.cores = 0.25

    world.live(live, 40.0)

    assert (len(world.at(Stage.SERVING)), len(world.at(Stage.LEAVING))) == (5, 3)


def test_nothing_is_decided_before_there_is_load(world: World, live: Scaler) -> None:
    world.cores = 0.25

    told = world.live(live, 20.0, under_load=False)

    assert (told, world.of(SCALED_EVENT)) == ([], [])
    assert world.of(LOOK_EVENT)


def test_every_change_of_mind_is_kept_with_its_reason(world: World, live: Scaler) -> None:
    world.cores = 0.25

    told = world.live(live, 40.0)

    changes = world.of(SCALED_EVENT)
    assert (changes[0]["from"], changes[-1]["to"]) == (2, 5)
    assert told[0] == f"from 2 to {changes[0]['to']} replicas: {changes[0]['reason']}"


def test_a_replica_that_starts_is_no_load(world: World, live: Scaler) -> None:
    """It takes a quarter of a core while it starts, more than all of the others together."""
    world.cores = 0.12

    world.live(live, 40.0)

    assert max(change["to"] for change in world.of(SCALED_EVENT)) == 3


def test_the_trail_has_the_cpu_time_of_those_that_served_and_of_no_start(world: World, live: Scaler) -> None:
    world.cores = 0.25
    world.live(live, 40.0)
    world.cores = 0.01
    world.live(live, 59.0)

    used_s = world.of(LOOK_EVENT)[-1]["serving_cpu_us"] / 1e6

    assert used_s == pytest.approx(40 * 0.25 + 59 * 0.01, abs=0.6)


def test_a_replica_is_noted_to_leave_however_quickly_it_does(world: World) -> None:
    """It is gone long before the next sample of metrics, in which nobody would see it."""
    slow = replace(CLOCK, sync_period_s=15.0)
    live = Scaler(world, HPA, slow, REQUEST_M, 15.0, world.cpu_s, world.note)
    world.cores = 0.25
    world.live(live, 120.0)
    world.cores = 0.01

    world.live(live, 120.0)

    looks = world.of(LOOK_EVENT)
    assert max(look["leaving"] for look in looks) > 0
    assert (looks[-1]["leaving"], looks[-1]["serving"]) == (0, HPA.min_replicas)


def test_the_time_to_start_is_measured(world: World, live: Scaler) -> None:
    world.cores = 0.25

    world.live(live, 40.0)

    assert live.start_s == pytest.approx([START_S] * 3, abs=2 * POLL_S)


def test_a_process_that_died_has_no_usage(world: World, live: Scaler) -> None:
    world.cores = 0.05
    world.live(live, 10.0)
    del world.used_s[2]

    assert list(live.tend(world.now_s + 2, under_load=True)) == []


def test_replicas_come_as_many_as_the_requests_need(world: World) -> None:
    """250 a second at 50 each; of the CPU two would be enough. And they leave when the requests do."""
    both = replace(HPA, metrics=(*HPA.metrics, PodsMetric(REQUESTS, 50_000)))
    live = Scaler(world, both, CLOCK, REQUEST_M, 1.5, world.cpu_s, world.note)
    world.cores, world.requests_per_s = 0.05, 250.0

    world.live(live, 40.0)
    most = len(world.at(Stage.SERVING))
    world.requests_per_s = 50.0
    world.live(live, 60.0)

    assert (most, len(world.replicas)) == (5, HPA.min_replicas)


def test_a_metric_that_cannot_be_measured_here_is_named(world: World) -> None:
    other = replace(HPA, metrics=(PodsMetric("http_requests", 100_000),))

    with pytest.raises(BadInputError, match="pods metric http_requests"):
        Scaler(world, other, CLOCK, REQUEST_M, 1.5, world.cpu_s, world.note)
