"""The table of attacks says what was counted, and the page has all of them."""

import re
from collections import Counter
from pathlib import Path

import pytest

from tests.attacks import ATTACKS, SECTION, Attacks, rendered

PAGE = Path(__file__).parents[1] / "docs" / "security.md"


def test_a_row_has_the_tries_and_what_came_of_them() -> None:
    counted = {"paths": Counter({"404": 1_200, "400": 34}), "bombs": Counter[str]()}
    table = rendered(counted, failed=[])
    assert "| paths | 1,234 | 404: 1,200, 400: 34 |" in table
    assert "| bombs | 0 | **not tried** |" in table


def test_what_failed_is_said() -> None:
    assert "**Failed:** `tests/a.py::test_b[c]`" in rendered({}, ["tests/a.py::test_b[c]"])


def test_an_attack_that_is_not_in_the_table_is_none(attack: Attacks) -> None:
    with pytest.raises(AssertionError, match="witchcraft"):
        attack("witchcraft")


def test_the_page_has_every_attack_tried_and_none_that_failed() -> None:
    section = PAGE.read_text(encoding="utf-8").partition(SECTION.begin)[2].partition(SECTION.end)[0]
    rows = re.findall(r"^\| ([^|]+) \| ([0-9,]+) \| ", section, flags=re.MULTILINE)
    assert [name for name, _ in rows] == list(ATTACKS)
    assert all(int(tries.replace(",", "")) > 0 for _, tries in rows)
    assert "Failed" not in section
