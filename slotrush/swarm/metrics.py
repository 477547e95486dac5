"""The swarm's own Prometheus metrics, `slotrush_*`: fed with what the workers report, scraped from the master."""

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from itertools import accumulate
from threading import Lock
from typing import Final, get_args
from wsgiref.simple_server import WSGIServer

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from slotrush.errors import BadInputError
from slotrush.runs.distribution import BUCKETS_S
from slotrush.swarm.standings import Phase

VERDICTS: Final = ("good", "refused", "bad")
PHASES: Final[tuple[str, ...]] = get_args(Phase)
Answered = tuple[int, int, int, Mapping[int, int]]
"""Of one endpoint: how many answers of each verdict, and how many took how long, by response time rounded to ms."""


class SwarmMetrics(Collector):
    """What is known of a swarm, for who scrapes it. Safe to update while it is scraped."""

    def __init__(self, run_id: str, scenario: str) -> None:
        self._run = {"run_id": run_id, "scenario": scenario}
        self._phase: str = PHASES[0]
        self._lock = Lock()
        self._server: WSGIServer | None = None
        self._users: dict[str, int] = {}
        self._arrivals: dict[str, int] = {}
        self._dropped: dict[str, int] = {}
        self._loop_lag_s: dict[str, float] = {}
        self._cpu_share: dict[str, float] = {}
        self._requests: Counter[tuple[str, str]] = Counter()
        self._writes: Counter[tuple[str, str]] = Counter()
        self._times: defaultdict[str, _Times] = defaultdict(_Times)

    def enter(self, phase: Phase) -> None:
        self._phase = phase

    def update(
        self,
        worker: str,
        *,
        users: int,
        arrivals: int,
        dropped: int,
        loop_lag_ms: float,
        cpu_share: float,
        answers: Mapping[str, Answered],
        writes: Mapping[tuple[str, str], int],
    ) -> None:
        """Take in what a worker reports.

        `users` are now, `arrivals` and `dropped` are totals; the lag is the longest since its last report, and the
        `answers`, by endpoint, and the `writes`, by (action, outcome), are those since then.
        """
        with self._lock:
            self._users[worker] = users
            self._arrivals[worker] = arrivals
            self._dropped[worker] = dropped
            self._loop_lag_s[worker] = loop_lag_ms / 1000
            self._cpu_share[worker] = cpu_share
            self._writes.update(writes)
            for endpoint, (good, refused, bad, times_ms) in answers.items():
                for verdict, count in zip(VERDICTS, (good, refused, bad), strict=True):
                    self._requests[endpoint, verdict] += count
                self._times[endpoint].add(times_ms)

    def lose(self, worker: str) -> None:
        """A worker is gone, and its users with it. What it did stays counted."""
        with self._lock:
            for gauge in (self._users, self._loop_lag_s, self._cpu_share):
                gauge.pop(worker, None)

    def collect(self) -> Iterable[Metric]:
        with self._lock:
            return [*self._of_load(), *self._of_answers(), *self._of_generator()]

    def serve(self, port: int, address: str = "127.0.0.1") -> int:
        """Answer `GET /metrics` from a thread of its own (a greenlet's under gevent); returns the port.

        0 is any free port. Raises BadInputError when the port cannot be had.
        """
        registry = CollectorRegistry(auto_describe=False)
        registry.register(self)
        try:
            self._server, _ = start_http_server(port, address, registry)
        except OSError as error:
            raise BadInputError(
                f"metrics port {port}", f"it cannot be listened on ({error.strerror})", "Choose another, or 0 for any"
            ) from error
        return int(self._server.server_port)

    def close(self) -> None:
        """Answer no more, if it ever did."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()

    def _of_load(self) -> Iterator[Metric]:
        yield InfoMetricFamily("slotrush_run", "The run that is being recorded.", value=self._run)
        phase = GaugeMetricFamily("slotrush_phase", "1 for the phase that the swarm is in.", labels=["phase"])
        for name in PHASES:
            phase.add_metric([name], float(name == self._phase))
        yield phase
        yield GaugeMetricFamily("slotrush_users", "Users who play at the moment.", sum(self._users.values()))
        due = "Arrivals that were due, of an open load."
        yield CounterMetricFamily("slotrush_arrivals_due", due, sum(self._arrivals.values()))
        dropped = "Arrivals that were due and never started."
        yield CounterMetricFamily("slotrush_arrivals_dropped", dropped, sum(self._dropped.values()))

    def _of_answers(self) -> Iterator[Metric]:
        requests = CounterMetricFamily(
            "slotrush_requests", "Requests by how they were answered.", labels=["endpoint", "verdict"]
        )
        for labels, count in sorted(self._requests.items()):
            requests.add_metric(labels, count)
        yield requests
        times = HistogramMetricFamily(
            "slotrush_response_seconds", "Response time from the intended start of a request.", labels=["endpoint"]
        )
        for endpoint, found in sorted(self._times.items()):
            times.add_metric([endpoint], found.buckets(), found.sum_ms / 1000)
        yield times
        writes = CounterMetricFamily(
            "slotrush_writes", "Sendings of writes by what became of them.", labels=["action", "outcome"]
        )
        for labels, count in sorted(self._writes.items()):
            writes.add_metric(labels, count)
        yield writes

    def _of_generator(self) -> Iterator[Metric]:
        lag = GaugeMetricFamily(
            "slotrush_generator_loop_lag_seconds",
            "Longest lag of the event loop since the last report.",
            labels=["worker"],
        )
        cpu = GaugeMetricFamily(
            "slotrush_generator_cpu_share", "CPU of a worker as a share of one core.", labels=["worker"]
        )
        for gauge, values in ((lag, self._loop_lag_s), (cpu, self._cpu_share)):
            for worker, value in sorted(values.items()):
                gauge.add_metric([worker], value)
            yield gauge


class _Times:
    """Response times of one endpoint in the buckets that Prometheus gets."""

    def __init__(self) -> None:
        self._counts = [0] * (len(BUCKETS_S) + 1)
        self.sum_ms = 0

    def add(self, times_ms: Mapping[int, int]) -> None:
        for time_ms, count in times_ms.items():
            self._counts[bisect_left(BUCKETS_S, time_ms / 1000)] += count
            self.sum_ms += time_ms * count

    def buckets(self) -> list[tuple[str, float]]:
        """(upper bound, how many are at most that), in the order of the bounds."""
        return list(zip([*map(str, BUCKETS_S), "+Inf"], accumulate(self._counts, initial=None), strict=True))
