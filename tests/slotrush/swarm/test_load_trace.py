"""Recorded arrivals: what is in the file comes out, and what is wrong with it is named with its line."""

from collections.abc import Callable
from pathlib import Path

import pytest

from slotrush.errors import BadInputError
from slotrush.swarm.load import parse_arrivals

File = Callable[[str], Path]


@pytest.fixture
def file(tmp_path: Path) -> File:
    def file(content: str) -> Path:
        path = tmp_path / "bookings.csv"
        path.write_text(content, encoding="utf-8")
        return path

    return file


def offsets_us(path: Path, duration_s: float | None = None, suffix: str = "") -> list[int]:
    return list(parse_arrivals(f"trace:{path}{suffix}", duration_s).offsets_us(0))


@pytest.mark.parametrize(
    "content",
    [
        "1764579600\n1764579600.25\n1764579601.5\n",
        "0\n0.25\n1.5\n",
        "timestamp\n7\n7.25\n8.5\n",
        "\ufeffTimestamp,doctor\r\n7,a\r\n7.25,b\r\n8.5,c\r\n",
        "2025-12-01T09:00:00Z\n2025-12-01T09:00:00.25Z\n2025-12-01T09:00:01.5Z\n",
        "2025-12-01 09:00:00\n2025-12-01T06:00:00.250000-03:00\n2025-12-01T09:00:01.5\n",
        '"7"\n\n7.25\n8.5',
    ],
    ids=["epoch", "from zero", "header", "more columns", "iso", "offsets from UTC", "quotes and empty rows"],
)
def test_arrivals_count_from_the_first_row(file: File, content: str) -> None:
    assert offsets_us(file(content)) == [0, 250_000, 1_500_000]


def test_a_trace_can_be_played_faster_or_slower(file: File) -> None:
    path = file("0\n1\n4\n")

    assert offsets_us(path, suffix="@2x") == [0, 500_000, 2_000_000]
    assert offsets_us(path, suffix="@0.5x") == [0, 2_000_000, 8_000_000]


def test_a_path_may_have_an_at_sign_and_a_comma(tmp_path: Path) -> None:
    path = tmp_path / "monday@8,rush.csv"
    path.write_text("0\n1\n")

    assert offsets_us(path) == [0, 1_000_000]


def test_a_trace_ends_with_the_run_or_with_its_last_row(file: File) -> None:
    path = file("0\n1\n1\n4\n")

    assert offsets_us(path, duration_s=4) == [0, 1_000_000, 1_000_000]
    assert parse_arrivals(f"trace:{path}", 60).duration_s == pytest.approx(4)


def test_the_rate_of_a_trace_is_what_came_in_that_second(file: File) -> None:
    path = file("0\n1\n1.9\n4\n")
    arrivals = parse_arrivals(f"trace:{path}", None)

    assert [arrivals.rate_per_s(at_s) for at_s in (-0.5, 0, 1.5, 2, 4.2, 9)] == [0, 1, 2, 0, 1, 0]
    assert arrivals.steps() == ()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("0\n2\n1\n", ["bookings.csv, line 3", "'1' is earlier", "Sort"]),
        ("timestamp\n5\n\n4\n", ["line 4", "'4' is earlier"]),
        ("0\nnoon\n", ["line 2", "'noon' is no timestamp", "ISO 8601"]),
        ("when\n0\n", ["line 1", "'when' is no timestamp", "header `timestamp`"]),
        ("0\n,5\n", ["line 2", "'' is no timestamp"]),
        ("0\nnan\n", ["line 2", "'nan' is not in seconds"]),
        ("1764579600000\n", ["line 1", "'1764579600000' is not in seconds"]),
        ("0\n2025-13-01\n", ["line 2", "'2025-13-01' is no timestamp"]),
        ("timestamp\n", ["bookings.csv", "no timestamp"]),
        ("", ["bookings.csv", "no timestamp"]),
    ],
)
def test_a_row_that_cannot_be_played_is_named_with_its_line(file: File, content: str, words: list[str]) -> None:
    with pytest.raises(BadInputError) as error:
        offsets_us(file(content))

    assert all(word in str(error.value) for word in words), str(error.value)


def test_a_file_that_is_no_text_is_refused(file: File) -> None:
    path = file("")
    path.write_bytes(b"0\n\xff\xfe\n")

    with pytest.raises(BadInputError, match=r"bookings.csv, after line \d+: it is no text in UTF-8"):
        offsets_us(path)


@pytest.mark.parametrize("name", ["nowhere.csv", "."])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(BadInputError, match="it cannot be read"):
        offsets_us(tmp_path / name)


def test_a_speed_of_nothing_is_refused(file: File) -> None:
    with pytest.raises(BadInputError, match="speed 0x"):
        offsets_us(file("0\n"), suffix="@0x")
