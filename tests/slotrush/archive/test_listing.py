"""The list has every folder, the newest run first, and no folder can break it."""

import shutil
from pathlib import Path

import pytest

from slotrush.archive import listing, tables
from slotrush.archive.listing import Entry
from tests.slotrush.archive.kept import NOW_S, age, keep
from tests.slotrush.archive.screen import on_screen
from tests.slotrush.report import synthetic


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    results = tmp_path_factory.mktemp("results")
    keep(results, "race-old", 10)
    keep(results, "race-new", 12)
    shutil.copytree(keep(results, "race-spoiled", 11), results / "examples")
    record = results / "race-spoiled" / "run.sqlite"
    record.write_bytes(record.read_bytes()[:20_000])
    (results / "strange").mkdir()
    (results / "strange" / "run.sqlite").write_text("no database" * 100)
    (results / "notes").mkdir()
    age(synthetic.write_partial(results / "race-partial", "drop"), 7200)
    return results


@pytest.fixture(scope="module")
def found(results: Path) -> list[Entry]:
    return listing.entries(results, NOW_S)


def named(found: list[Entry], name: str) -> Entry:
    return next(entry for entry in found if entry.folder.name == name)


def test_the_newest_comes_first_and_what_is_no_run_last(found: list[Entry]) -> None:
    names = [entry.folder.name for entry in found]

    assert names.index("race-new") < names.index("race-old") < names.index("strange")
    assert "examples" not in names


@pytest.mark.parametrize(("name", "fault"), [
    ("race-spoiled", "damaged|cannot be read"),
    ("strange", "cannot be read as SQLite"),
    ("notes", "there is no run record"),
])  # fmt: skip
def test_a_folder_that_cannot_be_read_is_listed_with_its_fault(name: str, fault: str, found: list[Entry]) -> None:
    entry = named(found, name)

    assert entry.summary is None
    assert any(part in (entry.fault or "") for part in fault.split("|"))


def test_for_machines_each_run_has_its_figures(found: list[Entry]) -> None:
    plain = listing.as_plain(named(found, "race-new"))

    assert plain["response_p99_ms"]["bookings"] > plain["response_p99_ms"]["reads"] > 0
    assert (plain["sold"], plain["attempts"], plain["patients"]) == (
        synthetic.SLOTS, synthetic.ATTEMPTS, synthetic.PATIENTS
    )  # fmt: skip
    assert (plain["audit_clean"], plain["valid"], plain["being_written"], plain["fault"]) == (True, True, False, None)
    assert plain["size_bytes"] > 100_000


def test_the_table_has_a_line_for_each(found: list[Entry]) -> None:
    text = on_screen([tables.list_table(found, 160)], 160)

    (line,) = [line for line in text.splitlines() if line.startswith("race-new")]
    assert line.split()[1:6] == ["race", "2026-11-12", "14:26", "2,000", "500"]
    assert " clean " in line
    assert "strange: it cannot be read as SQLite" in text
    assert " partial " in next(line for line in text.splitlines() if line.startswith("race-partial"))


def test_a_narrow_terminal_still_shows_whole_figures(found: list[Entry]) -> None:
    text = on_screen([tables.list_table(found, 100)], 100)

    assert max(map(len, text.splitlines())) <= 100
    assert "500 / 2,400" in text
    assert "…" not in text
