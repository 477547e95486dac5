"""The proof: a real Prometheus watches a real small swarm, and every query of every panel has something to show.

Only what needs a cluster comes from cluster_exporter.py.
"""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from dashboards.all import GENERATED, RULES
from dashboards.rules import names
from slotrush import REPOSITORY
from slotrush.errors import EXIT_INVALID_RUN, EXIT_OK, EXIT_UNDECIDED
from slotrush.stack import Stack, StackOptions
from tests.dashboards import cluster_exporter, watching
from tests.dashboards.watching import Prometheus, needs_prometheus
from tests.ports import unused_port

pytestmark = [needs_prometheus, pytest.mark.long]
SWARM_LIMIT_S = 180
SWARM = "swarm soak --users 40 --doctors 20 --spawn-rate 40 --think-time exponential:0.5 --run-time 8 --workers 1"


@dataclass(frozen=True)
class Watched:
    prometheus: Prometheus
    since_s: float
    until_s: float

    def has_data(self, expression: str) -> bool:
        return self.prometheus.has_data(expression, self.since_s, self.until_s)


def admin_url(folder: Path) -> str:
    """Of the first proxy, as its own configuration says."""
    address = json.loads((folder / "proxy-1.json").read_text())["admin"]["address"]["socket_address"]
    return f"http://{address['address']}:{address['port_value']}"


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    """A stack, a swarm that has played on it, and what Prometheus saw of both."""
    folder = tmp_path_factory.mktemp("proof")
    sessions, notifier, swarm = folder / "sessions.json", unused_port(), unused_port()
    with ExitStack() as ending:
        stack = ending.enter_context(
            Stack(StackOptions(folder, replicas=2, proxies=1, settings={"NOTIFIER_METRICS_PORT": str(notifier)}))
        )
        urls = stack.start(lambda _: None)
        sizes = ["--patients", "200", "--doctors", "20", "--slots", "2000", "--sessions", str(sessions)]
        subprocess.run(
            [sys.executable, "-m", "target_app.seed", *sizes], env=urls.environment(), check=True, timeout=120
        )
        cluster = ending.enter_context(cluster_exporter.served(frame_s=1))
        targets = {
            "app": [f"{url}/metrics" for url in urls.replica_urls],
            "notifier": [f"http://127.0.0.1:{notifier}/metrics"],
            "proxy": [f"{admin_url(urls.jwt_key_file.parent)}/stats/prometheus"],
            "swarm": [f"http://127.0.0.1:{swarm}/metrics"],
            "cluster": [f"http://127.0.0.1:{cluster}/metrics"],
        }
        prometheus = ending.enter_context(watching.prometheus(folder, targets, GENERATED / RULES))
        since_s = time.time()
        given = ["--host", urls.base_url, "--sessions", str(sessions), "--metrics-port", str(swarm)]
        log = ending.enter_context((folder / "swarm.log").open("w"))
        ended = subprocess.run(
            [sys.executable, "-m", "slotrush", *SWARM.split(), *given, "--results", str(folder / "results")],
            env=urls.environment(),
            cwd=REPOSITORY,
            check=False,
            timeout=SWARM_LIMIT_S,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        # A run that is too small to be decided, or beside a generator that was slowed down, has been watched as well.
        assert ended.returncode in (EXIT_OK, EXIT_UNDECIDED, EXIT_INVALID_RUN), (folder / "swarm.log").read_text()
        yield Watched(prometheus, since_s, time.time())


@pytest.mark.parametrize("name", sorted(path.stem for path in GENERATED.glob("*.json")))
def test_every_query_of_every_panel_has_data(watched: Watched, name: str) -> None:
    dashboard = json.loads((GENERATED / f"{name}.json").read_text(encoding="utf-8"))

    empty = [f"{panel}: {query}" for panel, query in watching.expressions(dashboard) if not watched.has_data(query)]

    assert not empty, "\n".join(empty)


def test_every_recording_rule_has_data(watched: Watched) -> None:
    recorded = names((GENERATED / RULES).read_text(encoding="utf-8"))

    assert [name for name in sorted(recorded) if not watched.has_data(name)] == []


@pytest.mark.parametrize(
    ("variable", "query"),
    [("namespace", "http_requests_total"), ("run_id", "slotrush_run_info"), ("job", "http_requests_total")],
)
def test_every_template_variable_has_something_to_choose(watched: Watched, variable: str, query: str) -> None:
    assert watched.has_data(f'{query}{{{variable}!=""}}')


def test_the_objectives_rules_say_what_the_clients_saw(watched: Watched) -> None:
    """Nothing failed in a small swarm: neither those who asked nor those who answered say otherwise."""
    at_s = watched.until_s
    errors = watched.prometheus.query('slo:sli_error:ratio_rate5m{sloth_slo="availability"}', at_s)
    seen = watched.prometheus.query('max_over_time(sum(slotrush_requests_total{verdict!="good"})[10m:1s])', at_s)

    assert [float(one["value"][1]) for one in (*errors, *seen)] == [0.0, 0.0]


def test_the_proof_can_fail(watched: Watched) -> None:
    assert not watched.has_data('http_requests_total{namespace="nowhere"}')
    assert not watched.has_data("0 * http_requests_total / 0")
