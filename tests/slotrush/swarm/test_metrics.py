"""The swarm's own metrics: what the workers report, as a scraper of the real endpoint sees it."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import pytest
from prometheus_client.core import Metric, Sample
from prometheus_client.parser import text_string_to_metric_families

from slotrush.errors import BadInputError
from slotrush.swarm.metrics import Answered, SwarmMetrics

NOTHING: Mapping[str, Answered] = {}
AGENDA = "GET /v1/doctors/{id}/agenda"
BOOKING = "POST /v1/appointments"


def swarm() -> SwarmMetrics:
    return SwarmMetrics("race-20261121-140000-7f3a", "race")


def report(
    metrics: SwarmMetrics,
    worker: str = "worker-0",
    *,
    users: int = 0,
    arrivals: int = 0,
    dropped: int = 0,
    answers: Mapping[str, Answered] = NOTHING,
    writes: Mapping[tuple[str, str], int] | None = None,
) -> None:
    metrics.update(
        worker,
        users=users,
        arrivals=arrivals,
        dropped=dropped,
        loop_lag_ms=12.0,
        cpu_share=0.4,
        answers=answers,
        writes=writes or {},
    )


def scrape(port: int) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        return str(answer.read().decode())


def families(text: str) -> dict[str, Metric]:
    return {family.name: family for family in text_string_to_metric_families(text)}


def samples(metrics: SwarmMetrics) -> list[Sample]:
    text = scrape(metrics.serve(0))
    return [sample for family in text_string_to_metric_families(text) for sample in family.samples]


def value(found: list[Sample], name: str, **labels: str) -> float:
    """Of the one sample with that name and these labels."""
    (sample,) = [sample for sample in found if sample.name == name and sample.labels == labels]
    return float(sample.value)


def test_every_metric_has_its_name_its_type_and_its_labels() -> None:
    metrics = swarm()
    report(metrics, answers={AGENDA: (1, 0, 0, {4: 1})}, writes={("request", "acknowledged"): 1})

    found = families(scrape(metrics.serve(0))).values()

    assert {(it.name, it.type, tuple(sorted(set(it.samples[0].labels) - {"le"}))) for it in found} == {
        ("slotrush_run_info", "gauge", ("run_id", "scenario")),
        ("slotrush_phase", "gauge", ("phase",)),
        ("slotrush_users", "gauge", ()),
        ("slotrush_arrivals_due", "counter", ()),
        ("slotrush_arrivals_dropped", "counter", ()),
        ("slotrush_requests", "counter", ("endpoint", "verdict")),
        ("slotrush_response_seconds", "histogram", ("endpoint",)),
        ("slotrush_writes", "counter", ("action", "outcome")),
        ("slotrush_generator_loop_lag_seconds", "gauge", ("worker",)),
        ("slotrush_generator_cpu_share", "gauge", ("worker",)),
    }  # fmt: skip


def test_what_each_report_adds_is_summed_over_reports_and_workers() -> None:
    metrics = swarm()
    report(metrics, "worker-0", answers={BOOKING: (3, 1, 0, {9: 4})}, writes={("request", "refused"): 2})
    report(metrics, "worker-0", answers={BOOKING: (2, 0, 1, {9: 3})}, writes={("request", "refused"): 1})
    report(metrics, "worker-1", answers={BOOKING: (5, 0, 0, {9: 5})}, writes={("cancel", "unknown"): 1})

    found = samples(metrics)

    counts = [
        value(found, "slotrush_requests_total", endpoint=BOOKING, verdict=it) for it in ("good", "refused", "bad")
    ]
    assert counts == [10, 1, 1]
    assert value(found, "slotrush_writes_total", action="request", outcome="refused") == 3
    assert value(found, "slotrush_writes_total", action="cancel", outcome="unknown") == 1


def test_totals_of_a_worker_replace_its_last_ones() -> None:
    metrics = swarm()
    report(metrics, "worker-0", users=5, arrivals=10, dropped=1)
    report(metrics, "worker-0", users=7, arrivals=30, dropped=2)
    report(metrics, "worker-1", users=6, arrivals=12, dropped=0)

    found = samples(metrics)

    assert value(found, "slotrush_users") == 13
    assert value(found, "slotrush_arrivals_due_total") == 42
    assert value(found, "slotrush_arrivals_dropped_total") == 2


@pytest.mark.parametrize(("bound", "count"), [("0.3", 2), ("0.5", 4), ("60.0", 5), ("+Inf", 6)])
def test_a_time_that_is_just_within_an_objective_counts_as_within(bound: str, count: int) -> None:
    metrics = swarm()
    report(metrics, answers={AGENDA: (6, 0, 0, {1: 1, 300: 1, 301: 1, 500: 1, 501: 1, 90_000: 1})})

    found = samples(metrics)

    assert value(found, "slotrush_response_seconds_bucket", endpoint=AGENDA, le=bound) == count
    assert value(found, "slotrush_response_seconds_count", endpoint=AGENDA) == 6
    assert value(found, "slotrush_response_seconds_sum", endpoint=AGENDA) == pytest.approx(91.603)


def test_a_lost_worker_takes_its_users_with_it_and_leaves_what_it_did() -> None:
    metrics = swarm()
    report(metrics, "worker-0", users=5, arrivals=9, answers={AGENDA: (1, 0, 0, {4: 1})})
    metrics.lose("worker-0")

    found = samples(metrics)

    assert value(found, "slotrush_users") == 0
    assert value(found, "slotrush_arrivals_due_total") == 9
    assert value(found, "slotrush_requests_total", endpoint=AGENDA, verdict="good") == 1
    assert not [sample for sample in found if "worker" in sample.labels]


def test_exactly_one_phase_is_the_current_one() -> None:
    metrics = swarm()
    metrics.enter("racing")

    phases = {it.labels["phase"]: it.value for it in samples(metrics) if it.name == "slotrush_phase"}

    assert phases["racing"] == 1
    assert sum(phases.values()) == 1
    assert len(phases) > 1


def test_the_run_is_named() -> None:
    assert value(samples(swarm()), "slotrush_run_info", run_id="race-20261121-140000-7f3a", scenario="race") == 1


def test_a_port_that_is_taken_is_bad_input() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()

        with pytest.raises(BadInputError, match=r"metrics port \d+: it cannot be listened on"):
            swarm().serve(taken.getsockname()[1])


def test_it_is_scraped_from_elsewhere_where_that_was_asked_for_only() -> None:
    """Another address of the loopback interface stands for another host."""
    here, everywhere = (swarm().serve(0, *address) for address in ((), ("0.0.0.0",)))

    with urllib.request.urlopen(f"http://127.0.0.2:{everywhere}/metrics", timeout=10) as answer:
        assert "slotrush_run_info" in answer.read().decode()
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(f"http://127.0.0.2:{here}/metrics", timeout=10)


@pytest.mark.skipif(shutil.which("promtool") is None, reason="there is no promtool")
def test_promtool_finds_nothing_wrong() -> None:
    metrics = swarm()
    report(metrics, users=3, answers={AGENDA: (1, 0, 0, {4: 1})}, writes={("request", "acknowledged"): 1})

    checked = subprocess.run(
        ["promtool", "check", "metrics"], input=scrape(metrics.serve(0)), capture_output=True, text=True, check=False
    )

    assert (checked.returncode, checked.stderr) == (0, "")


UNDER_LOCUST = """
import locust, gevent, gevent.monkey
from slotrush.swarm.metrics import SwarmMetrics
assert gevent.monkey.is_module_patched("threading")
metrics = SwarmMetrics("a-run", "race")
print(metrics.serve(0), flush=True)
for second in range(10**9):
    metrics.update("worker-0", users=second, arrivals=0, dropped=0, loop_lag_ms=1.0, cpu_share=0.5,
                   answers={"GET /": (1, 0, 0, {3: 1})}, writes={})
    gevent.sleep(0.001)
"""


@contextmanager
def locust_process() -> Iterator[int]:
    """A process that Locust has patched, which serves metrics and goes on counting; gives the port."""
    environment = {name: value for name, value in os.environ.items() if name != "LOCUST_SKIP_MONKEY_PATCH"}
    with subprocess.Popen(
        [sys.executable, "-c", UNDER_LOCUST], stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        try:
            assert process.stdout is not None
            yield int(process.stdout.readline())
        finally:
            process.kill()


def requests(port: int) -> float:
    return sum(sample.value for sample in families(scrape(port))["slotrush_requests"].samples)


def wait_for(condition: Callable[[], bool], within_s: float = 30) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, "it never came true"


def test_under_gevent_it_is_scraped_while_the_swarm_goes_on() -> None:
    with locust_process() as port:
        first = requests(port)
        wait_for(lambda: requests(port) > first)
