"""The JSON export has the summary and the whole course of the run."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.slotrush.export.exported import exported
from tests.slotrush.report import synthetic


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return json.loads(exported(synthetic.write_run(tmp_path_factory.mktemp("results") / "run"), "json"))


def test_it_names_its_format_and_its_run(document: Any) -> None:
    assert (document["format"], document["format_version"]) == ("slotrush-run", 1)
    assert document["run_id"] == document["summary"]["run_id"] == "20261119-142640-7f3a"


def test_the_seconds_of_an_endpoint_add_up_to_its_summary(document: Any) -> None:
    assert document["endpoints"].keys() == document["summary"]["requests"].keys()
    for endpoint, seconds in document["endpoints"].items():
        whole = document["summary"]["requests"][endpoint]
        assert sum(each["count"] for each in seconds) == whole["count"]
        assert max(each["response_ms"]["max"] for each in seconds) == whole["response_ms"]["max"]
        assert [each["second"] for each in seconds] == sorted({each["second"] for each in seconds})


def test_both_workers_requests_of_a_second_are_one_item(document: Any) -> None:
    assert {each["count"] for each in document["endpoints"]["POST /v1/appointments"]} == {400}


def test_the_generator_and_the_components_are_there_by_name(document: Any) -> None:
    assert tuple(document["generator"]) == synthetic.WORKERS
    first = document["generator"]["worker-0"][0]
    assert (first["cpu_share"], first["loop_lag_ms"]["max"]) == (0.3, pytest.approx(3.0, rel=1e-3))
    assert {"arrivals", "dropped", "users", "sockets", "memory_bytes", "gc_pause_s"} < first.keys()
    assert set(document["usage"]) == set(synthetic.COMPONENTS)


def test_events_and_writes_are_there(document: Any) -> None:
    assert [event["name"] for event in document["events"]] == [
        "base", "base", "connect", "connected", "drop", "drained", "stopped"
    ]  # fmt: skip
    written = [each["count"] for each in document["writes"] if each["outcome"] == "acknowledged"]
    assert sum(written) == synthetic.SLOTS


@pytest.mark.parametrize("reached", ["nothing", "connected", "drop"])
def test_a_partial_run_is_exported_too(reached: str, tmp_path: Path) -> None:
    document = json.loads(exported(synthetic.write_partial(tmp_path / "run", reached), "json"))

    assert document["summary"]["valid"] is False
