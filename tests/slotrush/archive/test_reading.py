"""A run's summary comes from summary.json as long as that is true, and reading it changes nothing."""

import shutil
from contextlib import closing
from pathlib import Path

import pytest

from slotrush.archive import reading
from slotrush.errors import BadInputError
from slotrush.runs import record
from slotrush.summary import SUMMARY_NAME, summarise
from tests.slotrush.archive.kept import keep
from tests.slotrush.report import synthetic


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return keep(tmp_path_factory.mktemp("results"), "race-a", 10)


@pytest.fixture
def run(original: Path, tmp_path: Path) -> Path:
    return shutil.copytree(original, tmp_path / "race-a")


def test_what_was_written_is_what_the_record_says(run: Path) -> None:
    with closing(record.open_record(run)) as connection:
        assert reading.read_summary(run) == summarise(connection)


def test_a_summary_of_now_spares_the_record(run: Path) -> None:
    text = (run / SUMMARY_NAME).read_text().replace('"patients": 2000', '"patients": 1999')
    (run / SUMMARY_NAME).write_text(text)

    assert reading.read_summary(run).patients == 1999


@pytest.mark.parametrize("content", ["", "{}", '{"schema_version": 1}', "[1, 2"])
def test_a_summary_that_cannot_be_used_is_made_again(content: str, run: Path) -> None:
    (run / SUMMARY_NAME).write_text(content)

    assert reading.read_summary(run).patients == synthetic.PATIENTS
    assert (run / SUMMARY_NAME).read_text() == content


def test_a_record_that_was_audited_again_is_newer_than_its_summary(run: Path) -> None:
    synthetic.edit(run, "UPDATE audit SET broken = 3 WHERE invariant = 'phantoms'")

    assert reading.read_summary(run).audit.clean is False


def test_a_missing_record_is_bad_input_even_beside_a_summary(run: Path) -> None:
    (run / record.RECORD_NAME).unlink()

    with pytest.raises(BadInputError, match="there is no run record"):
        reading.read_summary(run)


def test_reading_leaves_the_parts_of_a_run_alone(run: Path) -> None:
    part = run / record.PARTS_FOLDER / "worker-0.sqlite"
    record.create(part).close()

    reading.read_summary(run)

    assert part.exists()
