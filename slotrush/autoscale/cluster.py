"""The control plane around the plant: pods that start and leave, metrics that come late, and the autoscaler's rounds.

Sources: pods leave in the order of the ReplicaSet controller (kubernetes, pkg/controller/controller_utils.go,
ActivePodsWithRanks, as far as it applies to pods on equal nodes); metrics are those of metrics-server: usage between
its last two looks at a pod, seen some seconds later, and none for a pod that it has looked at only once.
"""

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import Final

import numpy as np

from slotrush.autoscale.counting import CONTAINER, Counters, measured
from slotrush.autoscale.hpa import Controller, Decision
from slotrush.autoscale.observed import Pod
from slotrush.autoscale.plant import Plant, Replica
from slotrush.autoscale.spec import Hpa, Options

_LONG_AGO_S: Final = -3600.0
"""When the replicas that are there from the first moment became ready: past every period of the autoscaler."""
_LOOK_S: Final = 1.0
"""How often the numbers of replicas are noted down."""


@dataclass(frozen=True)
class Delays:
    """How long the cluster takes for things."""

    schedule_s: float = 2.0
    """From the decision to a process that starts: scheduling, and pulling the image where the node has it not."""
    start_s: float = 8.0
    """From there to Ready, under the replica's own CPU quota."""
    start_cpu_s: float = 1.0
    """CPU time that the start takes."""
    endpoint_lag_s: float = 1.0
    """From a change of a pod to a proxy that knows of it."""
    metrics_resolution_s: float = 15.0
    metrics_delay_s: float = 5.0
    """From a look at a pod to metrics that the autoscaler gets."""
    cpu_grain_s: float = 0.0
    """CPU times are known in whole ones of these, rounded down: the kernel's ticks, where /proc is what they are read
    from."""
    pre_stop_s: float = 5.0
    """For how long a leaving replica still accepts: its preStop hook."""
    grace_s: float = 30.0
    """After this a leaving replica is killed: terminationGracePeriodSeconds."""


@dataclass(frozen=True)
class Look:
    """The scale at one moment: wanted, pods that exist and are not leaving, and those that the proxy may use."""

    at_s: float
    desired: int
    existing: int
    routed: int


@dataclass
class _Pod:
    name: str
    started_s: float
    ready_s: float
    deleted_s: float | None = None
    replica: Replica | None = None
    looks: list[Counters] = field(default_factory=list)
    """What those saw who serve the metrics."""


class Cluster:
    """Pods, their metrics and their autoscaler, with the plant that they serve. All times are the simulation's."""

    def __init__(
        self,
        plant: Plant,
        replicas: int,
        hpa: Hpa | None,
        cpu_request_m: int,
        delays: Delays,
        options: Options,
        rng: np.random.Generator,
        container: str = CONTAINER,
    ) -> None:
        self.plant, self.delays = plant, delays
        self.desired = replicas
        self.looks: list[Look] = []
        self.decisions: list[tuple[float, Decision]] = []
        self._pods: list[_Pod] = []
        self._requests_m = {container: {"cpu": cpu_request_m}}
        self._agenda: list[tuple[float, int, Callable[[float], None]]] = []
        self._numbers = itertools.count()
        for _ in range(replicas):
            self._begin(_LONG_AGO_S - float(rng.uniform(0, _LOOK_S)))  # their quota periods are not in step
        self._every(_LOOK_S, 0.0, self._look)
        resolution_s = delays.metrics_resolution_s
        first_s = float(rng.uniform(0, resolution_s))
        already = 2 + math.ceil(delays.metrics_delay_s / resolution_s)
        for pod in self._pods:
            before_s = [first_s - back * resolution_s for back in range(already, 0, -1)]
            pod.looks = [Counters(at_s, self._idle_s(pod, at_s), 0) for at_s in before_s]
        self._every(resolution_s, first_s, self._look_at_pods)
        self._controller: Controller | None = None
        if hpa is not None:
            self._controller = Controller(hpa, options)
            self._every(options.sync_period_s, float(rng.uniform(0, options.sync_period_s)), self._reconcile)

    def run(self, until_s: float) -> None:
        """Let cluster and plant live until then; the last of it are the requests that were there by then."""
        while self._agenda[0][0] <= until_s:
            now_s, _, act = heappop(self._agenda)
            self.plant.advance(now_s)
            act(now_s)
        self.plant.advance(until_s)

    def _at(self, at_s: float, act: Callable[[float], None]) -> None:
        heappush(self._agenda, (at_s, next(self._numbers), act))

    def _every(self, period_s: float, first_s: float, act: Callable[[float], None]) -> None:
        def again(now_s: float) -> None:
            act(now_s)
            self._at(now_s + period_s, again)

        self._at(first_s, again)

    def _begin(self, now_s: float) -> None:
        """A pod is created; one of long ago is ready at once."""
        started_s = now_s + self.delays.schedule_s
        pod = _Pod(f"app-{next(self._numbers)}", started_s, started_s + self.delays.start_s)
        self._pods.append(pod)

        def join(_: float) -> None:
            if pod.deleted_s is None:
                pod.replica = self.plant.add_replica(pod.ready_s)
                self.plant.route(pod.replica)

        in_proxy_s = pod.ready_s + self.delays.endpoint_lag_s
        if in_proxy_s < 0:
            join(0.0)
        else:
            self._at(in_proxy_s, join)

    def _leave(self, pod: _Pod, now_s: float) -> None:
        """A pod is deleted: the proxy hears of it, it stops accepting and finishes what it has, it is killed.

        What comes between the second and the first, where the hook is too short, is refused.
        """
        pod.deleted_s = now_s
        replica = pod.replica
        if replica is None:
            self._pods.remove(pod)
            return

        def end(_: float) -> None:
            self.plant.kill(replica)
            self._pods.remove(pod)

        self._at(now_s + self.delays.endpoint_lag_s, lambda _: self.plant.unroute(replica))
        self._at(now_s + self.delays.pre_stop_s, lambda stop_s: self.plant.close(replica, stop_s))
        self._at(now_s + self.delays.grace_s, end)

    def _present(self) -> list[_Pod]:
        return [pod for pod in self._pods if pod.deleted_s is None]

    def scale(self, desired: int, now_s: float) -> None:
        """Make pods, or delete those that are not ready, and then those that have been for the shortest time."""
        self.desired = desired
        present = self._present()
        for _ in range(desired - len(present)):
            self._begin(now_s)
        for pod in sorted(present, key=lambda pod: pod.ready_s, reverse=True)[: max(0, len(present) - desired)]:
            self._leave(pod, now_s)

    def _look(self, now_s: float) -> None:
        self.looks.append(Look(now_s, self.desired, len(self._present()), len(self.plant.routed)))

    def _look_at_pods(self, now_s: float) -> None:
        for pod in self._pods:
            if pod.started_s <= now_s:
                starting = min(1.0, (now_s - pod.started_s) / self.delays.start_s) if self.delays.start_s else 1.0
                served_s = pod.replica.cpu_s + self._idle_s(pod, now_s) if pod.replica else 0.0
                start_cpu_s = self.delays.start_cpu_s if pod.started_s > 0 else 0.0
                used_s, grain_s = starting * start_cpu_s + served_s, self.delays.cpu_grain_s
                answered = pod.replica.answered if pod.replica else 0
                pod.looks.append(Counters(now_s, used_s // grain_s * grain_s if grain_s else used_s, answered))

    def _idle_s(self, pod: _Pod, at_s: float) -> float:
        """CPU time that a pod used by itself up to then, from when it was ready or from 0."""
        return self.plant.parts.idle_cores * (at_s - max(pod.ready_s, 0.0))

    def _looks(self, pod: _Pod, now_s: float) -> list[Counters]:
        """Those that have got about by now."""
        return [look for look in pod.looks if look.at_s <= now_s - self.delays.metrics_delay_s]

    def _reconcile(self, now_s: float) -> None:
        assert self._controller is not None
        pods = [self._as_seen(pod, now_s) for pod in self._pods]
        metrics = measured(self._controller.hpa, {pod.name: self._looks(pod, now_s) for pod in self._pods})
        decision = self._controller.reconcile(now_s, self.desired, pods, metrics, len(self._present()))
        self.decisions.append((now_s, decision))
        if decision.desired != self.desired:
            self.scale(decision.desired, now_s)

    def _as_seen(self, pod: _Pod, now_s: float) -> Pod:
        started, ready = pod.started_s <= now_s, pod.ready_s <= now_s
        return Pod(
            pod.name,
            phase="Running" if started else "Pending",
            deleted=pod.deleted_s is not None,
            started_s=pod.started_s if started else None,
            ready=ready,
            ready_changed_s=pod.ready_s if ready else pod.started_s,
            requests_m=self._requests_m,
        )
