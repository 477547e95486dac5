"""What is recognised as what, and what is refused."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from slotrush.capacity_report import material
from slotrush.errors import BadInputError
from slotrush.sweep import sweeping
from tests.slotrush.capacity_report import evidence
from tests.slotrush.report import synthetic


def test_everything_is_recognised_by_what_is_in_it(folder: Path) -> None:
    found = material.read(folder / name for name in ("soak", "scale-check", "plan.json", "sweep"))

    assert found.swept is not None
    assert found.swept.sweep.sweep_id == evidence.sweep().sweep_id
    assert found.planned is not None
    assert found.planned.plan == evidence.plan()
    assert found.checked is not None
    assert found.checked.check == evidence.check()
    assert [run.name for run in found.runs] == ["soak-20261121-160319-248a"]


def test_everything_can_be_named_by_its_file_too(folder: Path) -> None:
    files = ("soak/summary.json", "scale-check/scale-check.json", "plan.json", "sweep/sweep.json")
    found = material.read(folder / name for name in files)

    assert found == material.read(folder / name for name in ("soak", "scale-check", "plan.json", "sweep"))


def test_everything_can_be_named_by_its_kind(folder: Path) -> None:
    found = material.read([], sweep=folder / "sweep", plan=folder / "plan.json", scale_check=folder / "scale-check")

    assert found.home == folder
    assert found.swept
    assert found.checked


def test_a_run_with_its_record_is_read_from_it(tmp_path: Path) -> None:
    run_dir = synthetic.write_run(tmp_path / "run")
    (run,) = material.read([run_dir / "run.sqlite"]).runs

    assert run.file == run_dir / "run.sqlite"
    assert (run.figures.patients, run.figures.broken) == (synthetic.PATIENTS, 0)


def test_only_what_is_no_run_calls_for_a_capacity_report(folder: Path, tmp_path: Path) -> None:
    run_dir = synthetic.write_run(tmp_path / "run")
    evidence.write_check(tmp_path / "check")

    assert not material.is_for_capacity(run_dir)
    assert not material.is_for_capacity(Path("latest"))
    assert material.is_for_capacity(tmp_path / "check")
    assert material.is_for_capacity(folder / "sweep")
    assert material.is_for_capacity(folder / "plan.json")


@pytest.mark.parametrize(
    "content", ["", "[]", '{"something": "else"}', "not JSON"], ids=["empty", "list", "other", "text"]
)
def test_a_file_that_is_nothing_of_ours_is_bad_input(tmp_path: Path, content: str) -> None:
    file = tmp_path / "file.json"
    file.write_text(content, encoding="utf-8")

    with pytest.raises(BadInputError, match="neither"):
        material.read([file])


@pytest.mark.parametrize("kind", ["sweep", "plan", "scale_check"])
def test_a_record_that_is_named_as_something_else_is_bad_input(tmp_path: Path, kind: str) -> None:
    record = synthetic.write_run(tmp_path / "run") / "run.sqlite"

    with pytest.raises(BadInputError, match=r"run\.sqlite"):
        material.read([], **{kind: record})


def test_an_empty_folder_is_bad_input(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match=r"holds neither run\.sqlite nor summary\.json"):
        material.read([tmp_path])


def test_nothing_at_all_is_bad_input() -> None:
    with pytest.raises(BadInputError, match="there is nothing to report on"):
        material.read([])


def test_two_sweeps_are_bad_input(folder: Path) -> None:
    with pytest.raises(BadInputError, match="2 were given"):
        material.read([folder / "sweep", folder / "sweep" / "sweep.json"])


def test_a_plan_of_another_sweep_is_bad_input(folder: Path, tmp_path: Path) -> None:
    other = replace(evidence.sweep(), sweep_id="sweep-20261122-090000-0001")
    sweeping.keep(other, tmp_path)

    with pytest.raises(BadInputError, match=f"made from {evidence.sweep().sweep_id}.*is {other.sweep_id}"):
        material.read([folder / "plan.json", tmp_path])


def test_a_summary_of_another_version_is_bad_input(tmp_path: Path) -> None:
    evidence.write_summary(tmp_path / "run", schema_version=99)

    with pytest.raises(BadInputError, match="no summary of this version"):
        material.read([tmp_path / "run"])


def test_a_summary_with_keys_of_a_later_version_is_read(tmp_path: Path) -> None:
    evidence.write_summary(tmp_path / "run", something_new={"figure": 1})
    (run,) = material.read([tmp_path / "run"]).runs

    assert json.loads(run.file.read_text(encoding="utf-8"))["something_new"]
    assert run.figures.p99_ms == 84.6
