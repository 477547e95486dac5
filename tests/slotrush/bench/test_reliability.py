"""The table of faults, from tallies and run records, and where it goes."""

import json
import sys
from contextlib import closing
from pathlib import Path

import pytest

from slotrush.bench import reliability
from slotrush.bench.reliability import SECTION
from slotrush.runs import record

EPISODE = {
    **{"fault": "kill-replica", "hit": "app-1", "at_s": 10.0, "over_s": 1.5, "back_s": 2, "back_within_s": 10},
    "seen_s": 30,
    **{"requests": 120, "availability": 0.975},
}
CLEAN = {"double_bookings": 0, "lost_acknowledged": 0, "notifications_missing": 0, "notifications_doubled": 0}


def tally(folder: Path, **broken: int) -> Path:
    path = folder / "tally.json"
    run = {"number": 1, "episodes": [EPISODE], "broken": CLEAN | broken, "sent_again": 0}
    path.write_text(json.dumps({"seed": 1, "runs": [run, {"episodes": [], "broken": None, "sent_again": 0}]}))
    return path


def call(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    monkeypatch.setattr(sys, "argv", ["reliability-table", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        reliability.main()
    assert isinstance(ended.value.code, int)
    return ended.value.code


def test_the_table_goes_between_its_marks_and_nothing_else_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    docs = tmp_path / "reliability.md"
    docs.write_text(f"# Reliability\n\nbefore\n\n{SECTION.begin}\nyesterday\n{SECTION.end}\n\nafter\n")
    assert call(monkeypatch, tally(tmp_path), "--docs", docs) == 0
    text = docs.read_text()
    assert "| `kill-replica` | 1 | 120 | 97.50% | 2 s, 2 s | 10 s | 0 | 0 | 0 | 0 | 0 |" in text
    assert "Tried 1 times in 1 runs." in text
    assert text.startswith("# Reliability\n\nbefore\n")
    assert text.endswith(f"{SECTION.end}\n\nafter\n")
    assert "yesterday" not in text


def test_something_lost_is_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert call(monkeypatch, tally(tmp_path, lost_acknowledged=1)) == 1


def test_what_is_no_run_with_faults_is_bad_input(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "broken.json").write_text("{}")
    with closing(record.create(tmp_path / "run" / record.RECORD_NAME)):
        pass
    for path in (tmp_path / "nothing", tmp_path / "broken.json", tmp_path / "run"):
        assert call(monkeypatch, path) == 2
    assert "none of the runs has faults" in capsys.readouterr().err


def test_the_document_in_the_tree_has_its_marks() -> None:
    docs = Path(__file__).parents[3] / "docs" / "reliability.md"
    assert docs.read_text().count(SECTION.begin) == 1
    assert docs.read_text().count(SECTION.end) == 1
