"""Files are written whole, or stay as they were."""

from pathlib import Path

import pytest

from slotrush.files import write_whole


def test_text_and_bytes_take_the_place_of_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "summary.json"
    write_whole(path, "São Paulo")
    assert path.read_text(encoding="utf-8") == "São Paulo"
    write_whole(path, b"{}")
    assert path.read_bytes() == b"{}"
    assert list(tmp_path.iterdir()) == [path]


def test_what_cannot_be_written_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(IsADirectoryError):
        write_whole(tmp_path / "folder", "text")
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]
