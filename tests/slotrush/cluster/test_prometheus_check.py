"""`slotrush scale-check --prometheus`, on a real Prometheus that promtool filled with a rush hour."""

import http.server
import json
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from slotrush.cli import app
from tests.ports import unused_port
from tests.serving import answering

BEGIN_S = 1_767_225_600
"""Midnight, 1 January 2026, UTC."""
SECONDS = 600
SCRAPE_S = 5
WINDOW = ["--since", "2026-01-01T00:00:10Z", "--until", "2026-01-01T00:10:00Z"]
DURATION = "http_request_duration_seconds"
BOUNDS = ("0.1", "0.3", "0.5", "10.0", "+Inf")
ROUTES = (("GET", "/v1/doctors/{id}/slots", 90.0), ("POST", "/v1/appointments", 10.0))
Ready = Callable[[int], int]


def promptly(second: int) -> int:
    """Twenty seconds after they are wanted."""
    return wanted(second - 20)


def never(_: int) -> int:
    return 2


def wanted(second: int) -> int:
    return 2 if second < 100 or second > 500 else 8


def history(namespace: str, failing: float, slow: float, ready: Ready, job: str = "app") -> list[str]:
    """A rush as OpenMetrics has it: so many requests fail, or take longer than a second, while replicas are missing."""
    lines: dict[str, list[str]] = {}

    def add(family: str, sample: str, labels: dict[str, str], value: float, second: int) -> None:
        text = ",".join(f'{name}="{content}"' for name, content in ({"namespace": namespace} | labels).items())
        lines.setdefault(family, []).append(f"{sample}{{{text}}} {value:.3f} {BEGIN_S + second}")

    for pod in ("app-a", "app-b"):
        for method, route, rate in ROUTES:
            labels = {"pod": pod, "instance": pod, "job": job, "method": method, "route": route}
            good = bad = late = 0.0
            for second in range(0, SECONDS + 1, SCRAPE_S):
                busy = 1.0 if wanted(second) > ready(second) else 0.0
                asked = rate * SCRAPE_S * (4 if wanted(second) > 2 else 1)
                bad += asked * failing * busy
                good += asked * (1 - failing * busy)
                late += asked * slow * busy
                add("http_requests", "http_requests_total", labels | {"status": "200"}, good, second)
                add("http_requests", "http_requests_total", labels | {"status": "503"}, bad, second)
                for bound in BOUNDS:
                    fast = good + bad - (0 if bound in ("10.0", "+Inf") else late)
                    add(DURATION, f"{DURATION}_bucket", labels | {"le": bound}, fast, second)
                add("http_request_duration_seconds", "http_request_duration_seconds_count", labels, good + bad, second)
    hpa = {"horizontalpodautoscaler": "app"}
    for second in range(0, SECONDS + 1, SCRAPE_S):
        for name, value in (("status_desired", wanted(second)), ("spec_max", 20)):
            metric = f"kube_horizontalpodautoscaler_{name}_replicas"
            add(metric, metric, hpa, value, second)
        metric = "kube_deployment_status_replicas_ready"
        add(metric, metric, {"deployment": "app"}, ready(second), second)
    return [f"{family}\n" + "\n".join(samples) for family, samples in lines.items()]


def openmetrics(*histories: list[str]) -> str:
    """Each family once, with the samples of all histories."""
    families: dict[str, list[str]] = {}
    for one in histories:
        for block in one:
            family, _, samples = block.partition("\n")
            families.setdefault(family, []).append(samples)
    types = {"http_requests": "counter", "http_request_duration_seconds": "histogram"}
    parts = [f"# TYPE {name} {types.get(name, 'gauge')}\n" + "\n".join(texts) for name, texts in families.items()]
    return "\n".join(parts) + "\n# EOF\n"


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """By namespace: `booking` keeps its promises, `failing` never does, `stumbling` fails for a moment, `slow` is
    slow, `alone` has no autoscaler. Beside ours another system fails in the first, which counts as we do."""
    programs = [shutil.which(name) for name in ("prometheus", "promtool")]
    if None in programs:
        pytest.skip("Prometheus is not installed: apt-get install prometheus")
    folder = tmp_path_factory.mktemp("prometheus")
    content = openmetrics(
        history("booking", 0, 0, promptly),
        history("failing", 0.2, 0, never),
        history("stumbling", 0.2, 0, promptly),
        history("slow", 0, 0.9, never),
        [block for block in history("alone", 0, 0, promptly) if not block.startswith("kube_")],
        [block for block in history("booking", 0.5, 0, never, job="shop") if not block.startswith("kube_")],
    )
    (folder / "history.txt").write_text(content)
    made = subprocess.run(
        ["promtool", "tsdb", "create-blocks-from", "openmetrics", folder / "history.txt", folder / "data"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.returncode == 0, made.stderr
    with Running(folder) as url:
        yield url


@pytest.fixture(scope="module")
def empty_prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    if shutil.which("prometheus") is None:
        pytest.skip("Prometheus is not installed: apt-get install prometheus")
    with Running(tmp_path_factory.mktemp("empty")) as url:
        yield url


class Running:
    def __init__(self, folder: Path) -> None:
        (folder / "prometheus.yaml").write_text("scrape_configs: []\n")
        port = unused_port()
        self._url = f"http://127.0.0.1:{port}"
        self._log = (folder / "log.txt").open("w")
        self._process = subprocess.Popen(
            [
                "prometheus",
                f"--config.file={folder / 'prometheus.yaml'}",
                f"--storage.tsdb.path={folder / 'data'}",
                "--storage.tsdb.retention.time=50y",
                f"--web.listen-address=127.0.0.1:{port}",
            ],
            stdout=self._log,
            stderr=subprocess.STDOUT,
        )

    def __enter__(self) -> str:
        deadline = time.monotonic() + 60
        while True:
            try:
                with urllib.request.urlopen(f"{self._url}/-/ready", timeout=2):
                    return self._url
            except OSError:
                assert self._process.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.1)

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(30)
        self._log.close()


def scale_check(*arguments: object) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["scale-check", *map(str, arguments)])
    return result.exit_code, " ".join(result.output.split())


def test_a_cluster_that_keeps_its_promises_passes(prometheus: str, tmp_path: Path) -> None:
    code, output = scale_check("--prometheus", prometheus, *WINDOW, "--json", tmp_path / "check.json")

    found = json.loads((tmp_path / "check.json").read_text())
    assert (code, found["outcome"]) == (0, "pass"), output
    outcomes = {one["objective"]: one["outcome"] for one in found["results"]}
    assert outcomes["availability"] == outcomes["bookings-latency"] == outcomes["reads-latency"] == "pass"
    elasticity = found["elasticity"]
    assert (elasticity["replicas_min"], elasticity["replicas_max"], elasticity["limit"]) == (2, 8, 20)
    assert (elasticity["rises"], elasticity["unfinished_rises"]) == (1, 0)
    assert elasticity["slowest_rise_s"] == pytest.approx(20, abs=5)
    assert "slowest time to scale" in output


def test_requests_are_counted_as_they_were(prometheus: str, tmp_path: Path) -> None:
    """What the counters rose by, up to a block at the beginning."""
    scale_check("--prometheus", prometheus, *WINDOW, "--json", tmp_path / "check.json")

    found = json.loads((tmp_path / "check.json").read_text())
    [availability] = [one for one in found["results"] if one["objective"] == "availability"]
    expected = sum(200 * (4 if wanted(second) > 2 else 1) for second in range(10, SECONDS))
    assert availability["estimate"]["requests"] == pytest.approx(expected, rel=0.03)


@pytest.mark.parametrize(
    ("namespace", "objective", "outcome", "exit_code"),
    [
        ("failing", "availability", "fail", 1),
        ("slow", "bookings-latency", "fail", 1),
        ("stumbling", "availability", "undecided", 3),
    ],
    ids=["failing", "slow", "stumbling"],
)
def test_a_promise_that_is_broken_is_told_as_surely_as_it_is_known(
    prometheus: str, tmp_path: Path, namespace: str, objective: str, outcome: str, exit_code: int
) -> None:
    """One short failure in a few minutes may be bad luck: as the gate, the check says that it does not know."""
    code, output = scale_check(
        "--prometheus", prometheus, *WINDOW, "--namespace", namespace, "--json", tmp_path / "check.json"
    )

    found = json.loads((tmp_path / "check.json").read_text())
    outcomes = {one["objective"]: one["outcome"] for one in found["results"]}
    assert (outcomes[objective], code) == (outcome, exit_code), output


def test_replicas_that_never_come_are_told(prometheus: str, tmp_path: Path) -> None:
    scale_check("--prometheus", prometheus, *WINDOW, "--namespace", "slow", "--json", tmp_path / "check.json")

    elasticity = json.loads((tmp_path / "check.json").read_text())["elasticity"]
    assert (elasticity["unfinished_rises"], elasticity["slowest_rise_s"]) == (1, None)
    assert elasticity["under_share"] > 0.5


def test_a_window_of_fewer_than_two_blocks_is_undecided_and_says_what_to_do(prometheus: str) -> None:
    short = ["--since", "2026-01-01T00:02:00Z", "--until", "2026-01-01T00:02:30Z"]

    code, output = scale_check("--prometheus", prometheus, *short)

    assert code == 3
    assert "availability: 30 s are too short for two blocks of 4 scrapes" in output
    assert "Judge a longer load, scrape more often, or judge the run by its own record (slotrush gate)" in output


def test_a_prometheus_without_our_metrics_is_named_with_the_mend(empty_prometheus: str) -> None:
    code, output = scale_check("--prometheus", empty_prometheus, *WINDOW)

    assert code == 2
    assert "does not scrape the booking system" in output
    assert "k8s/monitoring" in output


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--namespace", "elsewhere", *WINDOW], "of alone, booking, failing, slow, stumbling only"),
        (["--since", "2026-02-01T00:00Z", "--until", "2026-02-01T01:00Z"], "Prometheus has no data of it"),
        (["--since", "2026-01-01T01:00Z", "--until", "2026-01-01T00:00Z"], "is empty"),
        (["--namespace", "alone", *WINDOW], "Let it scrape kube-state-metrics"),
        (["--hpa", "web", *WINDOW], "Let it scrape kube-state-metrics"),
        (["--since", "yesterday", "--until", "2026-01-01T01:00Z"], "it is no time"),
        ([], "it is not said which time is judged"),
    ],
    ids=["namespace", "window", "empty window", "no autoscaler", "other autoscaler", "no time", "nothing"],
)
def test_what_cannot_be_judged_is_named(prometheus: str, arguments: list[str], problem: str) -> None:
    code, output = scale_check("--prometheus", prometheus, *arguments)

    assert code == 2
    assert problem in output


def test_an_address_without_a_server_is_named(free_port: int) -> None:
    code, output = scale_check("--prometheus", f"http://127.0.0.1:{free_port}", *WINDOW)

    assert code == 2
    assert "port-forward" in output


@pytest.mark.parametrize(("status", "problem"), [(401, "it refuses us (401)"), (404, "it answers 404")])
def test_a_server_that_is_something_else_is_named(status: int, problem: str) -> None:
    class Other(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_error(status)

        def log_message(self, *_: object) -> None:
            pass

    with answering(http.server.HTTPServer(("127.0.0.1", 0), Other)) as server:
        code, output = scale_check("--prometheus", f"http://127.0.0.1:{server.server_port}", *WINDOW)

    assert code == 2
    assert problem in output
