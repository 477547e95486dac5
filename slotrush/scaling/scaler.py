"""The autoscaler at work on real replicas: it looks at their CPU as metrics-server does, counts their requests where it
has a target for these, and has them come and go.

What a cluster does with pods it does with replicas of the stack on this machine; the algorithm and the manifest are the
cluster's. Clocks, replicas and CPU times come from outside.
"""

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from slotrush.autoscale.counting import CONTAINER, Counters, measured, require_counted
from slotrush.autoscale.hpa import Controller
from slotrush.autoscale.observed import Pod
from slotrush.autoscale.spec import Hpa, Options, PodsMetric
from slotrush.scaling.trail import LOOK_EVENT, SCALED_EVENT, TrailLook
from slotrush.stack.replicas import Stage

_LEAVING: Final = (Stage.LEAVING, Stage.STOPPING)


class Running(Protocol):
    @property
    def pid(self) -> int: ...


class Member(Protocol):
    """A replica, as slotrush.stack.replicas has it: `since_s` it is in its stage, in monotonic time."""

    @property
    def number(self) -> int: ...
    @property
    def stage(self) -> Stage: ...
    @property
    def since_s(self) -> float: ...
    @property
    def process(self) -> Running: ...


class Scalable(Protocol):
    """All of them."""

    def at(self, stage: Stage) -> Sequence[Member]: ...
    def ask_for(self, replicas: int) -> None: ...
    def requests(self) -> Mapping[int, int]: ...
    def tend(self) -> bool: ...


@dataclass
class _Known:
    """One replica: since when it is there and serves, in seconds of the scaler's clock, its CPU time when last seen,
    and the last two samples of metrics."""

    since_s: float
    serving_s: float | None = None
    serving_from_cpu_s: float = 0.0
    cpu_s: float = 0.0
    samples: list[Counters] = field(default_factory=list)

    @property
    def served_s(self) -> float:
        """CPU time from when it began to serve."""
        return 0.0 if self.serving_s is None else max(self.cpu_s - self.serving_from_cpu_s, 0.0)


class Scaler:
    """Call `tend` several times a second, from the thread of the stack. It decides only while there is load.

    `cpu_s`: CPU time of a process so far, None when it is gone. `note` keeps an event: name and detail.
    """

    def __init__(
        self,
        replicas: Scalable,
        hpa: Hpa,
        options: Options,
        cpu_request_m: int,
        metrics_resolution_s: float,
        cpu_s: Callable[[int], float | None],
        note: Callable[[str, str], None],
    ) -> None:
        require_counted(hpa)
        self._replicas, self._hpa, self._options = replicas, hpa, options
        self._resolution_s, self._cpu_s, self._note = metrics_resolution_s, cpu_s, note
        self._requests_m = {CONTAINER: {"cpu": cpu_request_m}}
        self._counts_requests = any(isinstance(metric, PodsMetric) for metric in hpa.metrics)
        self._controller = Controller(hpa, options)
        self._known: dict[int, _Known] = {}
        self._wanted = len(replicas.at(Stage.SERVING))
        self._left: set[int] = set()
        self._used_s = 0.0
        """CPU time of serving replicas that are gone, while they served."""
        self._sample_due_s = self._decide_due_s = -math.inf
        self._counts: tuple[int, ...] = ()
        """As they were noted last."""
        self.start_s: list[float] = []
        """Of each replica that was started: from when it was wanted to when it served."""

    def tend(self, now_s: float, under_load: bool) -> Sequence[str]:
        """Do what is due; tells what changed. `now_s` is monotonic time, as the replicas' is."""
        self._replicas.tend()
        self._see()
        sampled = now_s >= self._sample_due_s
        if sampled:
            self._sample_due_s = max(self._sample_due_s + self._resolution_s, now_s)
            self._sample(now_s)
        told = []
        if under_load and now_s >= self._decide_due_s:
            self._decide_due_s = max(self._decide_due_s + self._options.sync_period_s, now_s)
            told = list(self._decide(now_s))
            self._see()
        # A replica leaves within a second: to note it with the samples alone would miss it.
        if sampled or self._count() != self._counts:
            self._look()
        return told

    def _all(self) -> list[Member]:
        return [one for stage in Stage for one in self._replicas.at(stage)]

    def _see(self) -> None:
        """Take note of who has come, who serves since, and who is leaving or gone."""
        there = {one.number: one for one in self._all()}
        for number, one in there.items():
            known = self._known.setdefault(number, _Known(one.since_s))
            if one.stage is Stage.SERVING and known.serving_s is None:
                known.serving_s = one.since_s
                known.serving_from_cpu_s = known.cpu_s = self._cpu_s(one.process.pid) or 0.0
                if known.since_s < one.since_s:
                    self.start_s.append(one.since_s - known.since_s)
            if one.stage in _LEAVING and known.serving_s is not None:
                self._left.add(number)
        for number in self._known.keys() - there.keys():
            self._used_s += self._known.pop(number).served_s

    def _sample(self, now_s: float) -> None:
        """Take the metrics that the autoscaler decides by."""
        requests = self._replicas.requests() if self._counts_requests else {}
        for one in self._all():
            cpu_s = self._cpu_s(one.process.pid)
            if cpu_s is not None:
                samples = self._known[one.number].samples
                so_far = samples[-1].requests if samples else 0  # who leaves is no longer counted
                samples.append(Counters(now_s, cpu_s, max(requests.get(one.number, 0), so_far)))
                del samples[:-2]

    def _count(self) -> tuple[int, int, int, int, int]:
        """Replicas that are wanted, serve, start, leave, and have left."""
        serving, starting, *leaving = (
            len(self._replicas.at(stage)) for stage in (Stage.SERVING, Stage.STARTING, *_LEAVING)
        )
        return self._wanted, serving, starting, sum(leaving), len(self._left)

    def _look(self) -> None:
        """Note how many there are, and what they used."""
        for one in self._all():
            known = self._known[one.number]
            known.cpu_s = max(self._cpu_s(one.process.pid) or 0.0, known.cpu_s)
        self._counts = wanted, serving, starting, leaving, left = self._count()
        used_us = round(1e6 * (self._used_s + sum(known.served_s for known in self._known.values())))
        self._note(LOOK_EVENT, TrailLook(0, wanted, serving, starting, leaving, left, used_us).detail())

    def _decide(self, now_s: float) -> Iterator[str]:
        pods = [self._as_pod(one) for one in self._all()]
        metrics = measured(self._hpa, {str(number): known.samples for number, known in self._known.items()})
        present = sum(not pod.deleted for pod in pods)
        decision = self._controller.reconcile(now_s, self._wanted, pods, metrics, present)
        if decision.desired != self._wanted:
            before, self._wanted = self._wanted, decision.desired
            self._replicas.ask_for(decision.desired)
            self._note(SCALED_EVENT, json.dumps({"from": before, "to": decision.desired, "reason": decision.reason}))
            yield f"from {before} to {decision.desired} replicas: {decision.reason or 'an older recommendation'}"

    def _as_pod(self, one: Member) -> Pod:
        known = self._known[one.number]
        ready = one.stage is Stage.SERVING
        return Pod(
            str(one.number),
            deleted=one.stage in _LEAVING,
            started_s=known.since_s,
            ready=ready,
            ready_changed_s=one.since_s if ready else known.since_s,
            requests_m=self._requests_m,
        )
