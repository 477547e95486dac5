"""The OpenMetrics export is valid, has the names of the live metrics, and can be back-filled into Prometheus."""

import re
import shutil
import subprocess
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from prometheus_client.core import Metric, Sample
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from slotrush.runs.distribution import BUCKETS_S
from slotrush.swarm.metrics import SwarmMetrics
from tests.slotrush.export.exported import exported
from tests.slotrush.report import synthetic

BOOKING = "POST /v1/appointments"
needs_promtool = pytest.mark.skipif(shutil.which("promtool") is None, reason="there is no promtool")


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return synthetic.write_run(tmp_path_factory.mktemp("results") / "run")


@pytest.fixture(scope="module")
def text(run_dir: Path) -> str:
    return exported(run_dir, "openmetrics")


def exposition_of_each_second(text: str) -> Iterator[str]:
    """The parser takes a histogram's second point for a repetition of its first, so it gets them one by one."""
    by_second: defaultdict[str, list[str]] = defaultdict(list)
    lines = text.splitlines(keepends=True)
    for second in sorted({line.split()[-1] for line in lines if not line.startswith("#")}):
        by_second[second] = [line for line in lines if line.startswith("#") or line.endswith(f" {second}\n")]
    return map("".join, by_second.values())


def samples(text: str) -> list[Sample]:
    """Strictly parsed, in the order of time."""
    parse: Callable[[str], Iterator[Metric]] = text_string_to_metric_families
    return [
        sample
        for exposition in exposition_of_each_second(text)
        for family in parse(exposition)
        for sample in family.samples
    ]


def values(found: list[Sample], name: str, **labels: str) -> list[float]:
    return [sample.value for sample in found if sample.name == name and sample.labels == labels]


def test_a_strict_parser_reads_all_of_it(text: str) -> None:
    assert len(samples(text)) == sum(not line.startswith("#") for line in text.splitlines())


def test_it_ends_with_eof_and_every_family_is_described_once_and_stands_together(text: str) -> None:
    described = re.findall(r"^# HELP (\S+)", text, re.MULTILINE)
    names = [re.sub(r"_(bucket|sum|count)$", "", name) for name in re.findall(r"^(slotrush_\w+)", text, re.MULTILINE)]

    assert text.endswith("\n# EOF\n")
    assert [name for place, name in enumerate(names) if place == 0 or names[place - 1] != name] == described


def test_names_and_labels_are_those_of_the_live_metrics(text: str) -> None:
    live = SwarmMetrics("a-run", "race")
    live.update(
        "worker-0",
        users=1,
        arrivals=1,
        dropped=0,
        loop_lag_ms=1.0,
        cpu_share=0.1,
        answers={BOOKING: (1, 0, 0, {4: 1})},
        writes={("request", "acknowledged"): 1},
    )
    scraped = {(it.name, frozenset(it.labels)) for family in live.collect() for it in family.samples}

    assert scraped <= {(it.name, frozenset(it.labels)) for it in samples(text)}


def test_counters_begin_at_nothing_and_end_at_the_runs_total(text: str) -> None:
    found = samples(text)
    requests = values(found, "slotrush_requests_total", endpoint=BOOKING, verdict="good")
    booked = values(found, "slotrush_writes_total", action="request", outcome="acknowledged")

    assert (requests[0], requests[-1]) == (0, 400 * synthetic.DRAIN_S)
    assert (booked[0], booked[-1]) == (0, synthetic.SLOTS)
    assert requests == sorted(requests)


def test_histograms_hold_every_request_and_agree_with_the_counters(text: str) -> None:
    found = samples(text)
    counts = values(found, "slotrush_response_seconds_count", endpoint=BOOKING)
    within = [values(found, "slotrush_response_seconds_bucket", endpoint=BOOKING, le=str(le))[-1] for le in BUCKETS_S]

    assert counts == values(found, "slotrush_requests_total", endpoint=BOOKING, verdict="good")
    assert within == sorted(within)
    assert within[-1] == counts[-1]
    assert 0 < values(found, "slotrush_response_seconds_sum", endpoint=BOOKING)[-1] < 0.5 * counts[-1]


def test_users_of_a_worker_that_was_silent_for_a_second_are_still_counted(run_dir: Path, tmp_path: Path) -> None:
    gap = shutil.copytree(run_dir, tmp_path / "run")
    synthetic.edit(
        gap, f"DELETE FROM generator_health WHERE worker = 'worker-0' AND second = {synthetic.CONNECT_S + 20}"
    )

    users = values(samples(exported(gap, "openmetrics")), "slotrush_users")

    assert users == [200 * min(second, 10) for second in range(28)]


def test_the_phase_of_every_second_is_known(text: str) -> None:
    current = [it.labels["phase"] for it in samples(text) if it.name == "slotrush_phase" and it.value == 1]

    assert list(dict.fromkeys(current)) == ["connecting", "waiting", "racing", "drained"]
    assert current.count("racing") == synthetic.DRAIN_S


@pytest.mark.parametrize("reached", ["nothing", "connected", "drop"])
def test_a_partial_run_is_valid_too(reached: str, tmp_path: Path) -> None:
    text = exported(synthetic.write_partial(tmp_path / "run", reached), "openmetrics")

    assert text.endswith("# EOF\n")
    assert bool(samples(text)) == (reached != "nothing")


def test_a_label_with_quotes_and_line_breaks_comes_back_as_it_was(tmp_path: Path) -> None:
    run_dir = synthetic.write_run(tmp_path / "run")
    name = 'GET "\\\n'
    synthetic.edit(run_dir, f"UPDATE latency SET endpoint = '{name}' WHERE endpoint = 'GET /v1/doctors'")

    assert name in {sample.labels.get("endpoint") for sample in samples(exported(run_dir, "openmetrics"))}


@needs_promtool
def test_promtool_finds_nothing_wrong(text: str) -> None:
    checked = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True, check=False)

    assert (checked.returncode, checked.stderr) == (0, "")


@needs_promtool
def test_promtool_back_fills_it(text: str, tmp_path: Path) -> None:
    source, blocks = tmp_path / "run.om", tmp_path / "blocks"
    source.write_text(text)

    subprocess.run(
        ["promtool", "tsdb", "create-blocks-from", "openmetrics", source, blocks], check=True, capture_output=True
    )
    (blocks / "wal").mkdir()  # which a dump wants to be there
    dumped = subprocess.run(["promtool", "tsdb", "dump", blocks], check=True, capture_output=True, text=True).stdout

    assert len(dumped.splitlines()) == sum(not line.startswith("#") for line in text.splitlines())
    ending = (synthetic.DROP_US // 1_000_000 + synthetic.DRAIN_S) * 1000
    assert f'{{__name__="slotrush_requests_total", endpoint="{BOOKING}", verdict="good"}} 2400 {ending}' in dumped
