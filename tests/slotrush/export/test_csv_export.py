"""The CSV export is one tidy table, whose first columns are those of k6's."""

import csv
import json
from pathlib import Path

import pytest

from tests.slotrush.export.exported import exported
from tests.slotrush.report import synthetic

Table = list[dict[str, str]]


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return synthetic.write_run(tmp_path_factory.mktemp("results") / "run")


@pytest.fixture(scope="module")
def table(run_dir: Path) -> Table:
    return list(csv.DictReader(exported(run_dir, "csv").splitlines()))


def test_each_row_is_one_value_with_its_labels(table: Table) -> None:
    assert list(table[0])[:3] == ["metric_name", "timestamp", "metric_value"]
    for row in table:
        assert float(row["timestamp"]) > 0
        float(row["metric_value"])


def test_no_two_rows_tell_the_same_thing(table: Table) -> None:
    told = [tuple(value for name, value in row.items() if name != "metric_value") for row in table if not row["event"]]

    assert len(told) == len(set(told))


def test_it_has_the_same_values_as_the_json(table: Table, run_dir: Path) -> None:
    seconds = json.loads(exported(run_dir, "json"))["endpoints"]["POST /v1/appointments"]
    booking = [row for row in table if row["endpoint"] == "POST /v1/appointments"]

    good = [int(row["metric_value"]) for row in booking if (row["metric_name"], row["verdict"]) == ("requests", "good")]
    p99 = [float(row["metric_value"]) for row in booking if row["metric_name"] == "response_p99_ms"]
    assert good == [each["good"] for each in seconds]
    assert p99 == [each["response_ms"]["p99"] for each in seconds]


def test_events_generator_and_components_are_in_it(table: Table) -> None:
    names = {row["metric_name"] for row in table}

    assert {"event", "writes", "users", "arrivals_due", "arrivals_dropped", "component_cpu_s"} < names
    assert {"generator_cpu_share", "generator_loop_lag_p99_ms", "service_p50_ms"} < names
    assert {row["event"] for row in table} > {"drop", "drained"}


def test_a_label_with_commas_and_quotes_comes_back_as_it_was(tmp_path: Path) -> None:
    run_dir = synthetic.write_run(tmp_path / "run")
    name = 'GET /a,"b"'
    synthetic.edit(run_dir, f"UPDATE latency SET endpoint = '{name}' WHERE endpoint = 'GET /v1/doctors'")

    rows = csv.DictReader(exported(run_dir, "csv").splitlines())

    assert name in {row["endpoint"] for row in rows}
