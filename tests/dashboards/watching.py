"""A real Prometheus for the tests, and what Grafana makes of a panel before it asks one."""

import json
import shutil
import signal
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from tests.ports import unused_port

START_LIMIT_S: Final = 30.0
STOP_LIMIT_S: Final = 10.0
MISSING: Final = "Prometheus is not installed; Debian's package is called prometheus"
needs_prometheus: Final = pytest.mark.skipif(not shutil.which("prometheus"), reason=MISSING)
needs_promtool: Final = pytest.mark.skipif(not shutil.which("promtool"), reason=MISSING)
CHOSEN: Final = {
    "$namespace": ".*",
    "$run": ".*",
    "$job": "app",
    "$__rate_interval": "10s",
    "$__range": "10m",
    "$__interval": "1s",
}
"""What the template variables and Grafana's own become."""
Targets = Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class Prometheus:
    url: str

    def query(self, expression: str, at_s: float | None = None) -> list[dict[str, Any]]:
        time_s = {} if at_s is None else {"time": f"{at_s}"}
        return self._ask("query", query=expression, **time_s)

    def has_data(self, expression: str, since_s: float, until_s: float) -> bool:
        """Whether a graph of it would show anything: at least one number."""
        found = self._ask("query_range", query=expression, start=f"{since_s}", end=f"{until_s}", step="1")
        return any(isfinite(float(value)) for series in found for _, value in series["values"])

    def _ask(self, what: str, **parameters: str) -> list[dict[str, Any]]:
        form = urllib.parse.urlencode(parameters).encode()
        try:
            with urllib.request.urlopen(f"{self.url}/api/v1/{what}", form, timeout=30) as answer:
                return list(json.load(answer)["data"]["result"])
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{json.load(error)['error']}: {parameters['query']}") from error


@contextmanager
def prometheus(folder: Path, targets: Targets, rules: Path) -> Iterator[Prometheus]:
    """One that scrapes and evaluates every second. `targets` are URLs of pages by the name of the job."""
    port = unused_port()
    config = folder / "prometheus.yml"
    config.write_text(yaml.safe_dump(_configuration(targets, rules)))
    log = (folder / "prometheus.log").open("w")
    command = ["prometheus", f"--config.file={config}", f"--storage.tsdb.path={folder / 'tsdb'}"]
    with log, subprocess.Popen([*command, f"--web.listen-address=127.0.0.1:{port}"], stderr=log) as process:
        try:
            watching = Prometheus(f"http://127.0.0.1:{port}")
            _wait_until_ready(watching.url, process, folder / "prometheus.log")
            yield watching
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(STOP_LIMIT_S)
            except subprocess.TimeoutExpired:
                process.kill()


def expressions(dashboard: Mapping[str, Any]) -> list[tuple[str, str]]:
    """(panel and series, PromQL) of everything that a dashboard asks."""
    panels = (panel for panel in dashboard["panels"] if panel["type"] != "row")
    return [
        (f"{panel['title']}, {target['refId']}", chosen(target["expr"]))
        for panel in panels
        for target in panel["targets"]
    ]


def chosen(expression: str) -> str:
    """The longest names first: $__rate_interval begins like none of the others, but who knows."""
    for name in sorted(CHOSEN, key=len, reverse=True):
        expression = expression.replace(name, CHOSEN[name])
    assert "$" not in expression, expression
    return expression


def _configuration(targets: Targets, rules: Path) -> dict[str, Any]:
    return {
        "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(rules.resolve())],
        "scrape_configs": [
            {
                "job_name": job,
                "metrics_path": urllib.parse.urlsplit(urls[0]).path,
                "honor_labels": True,
                "static_configs": [
                    {
                        "targets": [urllib.parse.urlsplit(url).netloc for url in urls],
                        "labels": {"namespace": "booking"},
                    }
                ],
            }
            for job, urls in targets.items()
        ],
    }


def _wait_until_ready(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline_s = time.monotonic() + START_LIMIT_S
    while time.monotonic() < deadline_s:
        assert process.poll() is None, log.read_text()
        try:
            with urllib.request.urlopen(f"{url}/-/ready", timeout=2):
                return
        except (OSError, urllib.error.URLError):
            time.sleep(0.1)
    raise AssertionError(f"Prometheus did not become ready: {log.read_text()}")
