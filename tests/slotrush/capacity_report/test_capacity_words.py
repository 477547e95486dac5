"""The texts of the capacity report: the same in every language, and all that is asked for is there."""

import re
from pathlib import Path
from string import Formatter

import pytest

from slotrush import capacity_report
from slotrush.capacity_report import answer, page
from slotrush.plan import making, showing
from slotrush.report.words import LANGUAGES, flat_texts
from tests.slotrush.capacity_report import evidence


def placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name is not None}


def test_every_language_has_the_same_keys_and_placeholders() -> None:
    first, *others = (flat_texts(language, page.PACKAGE) for language in LANGUAGES)

    for other in others:
        assert other.keys() == first.keys()
        assert {key: placeholders(value) for key, value in other.items()} == {
            key: placeholders(value) for key, value in first.items()
        }


def test_no_text_is_left_untranslated() -> None:
    english, portuguese = (flat_texts(language, page.PACKAGE) for language in LANGUAGES)
    same = {key for key in english if english[key] == portuguese[key]}

    assert {key for key in same if len(english[key].split()) > 1 and "{" not in english[key]} == set()


def test_no_text_takes_the_place_of_one_of_a_runs_report() -> None:
    for language in LANGUAGES:
        assert flat_texts(language, page.PACKAGE).keys() & flat_texts(language).keys() == set()


def test_the_code_asks_for_every_text_and_for_none_that_is_missing() -> None:
    package = Path(capacity_report.__file__).parent
    sources = [*package.rglob("*.py"), *package.rglob("*.j2")]
    asked = {
        key for source in sources for key in re.findall(r'"((?:[a-z_]+\.)+[a-z_0-9]+)"', source.read_text("utf-8"))
    }
    known = flat_texts("en", page.PACKAGE).keys()
    literal = {key for key in known if key in asked}
    families = {key.rpartition(".")[0] for key in known - literal}

    assert {key for key in asked if key.partition(".")[0] in {one.partition(".")[0] for one in known}} <= known
    assert families <= {
        "brief", "card", "caution", "chart.scaling", "costs_table", "counted", "limits_table", "measured_brief",
        "methods", "part", "provide", "source", "verdict_brief",
    }  # fmt: skip


@pytest.mark.parametrize("language", LANGUAGES)
def test_whatever_a_plan_may_name_has_a_text(language: str) -> None:
    texts = flat_texts(language, page.PACKAGE)
    needed = [
        *(f"verdict_brief.{kind}" for kind in answer.Kind),
        *(f"counted.{name}" for name in (*making.COUNTED, *making.NOT_COUNTED)),
        *(f"part.{limit.name}" for limit in evidence.plan().limits),
        *(f"caution.{name}" for name in showing.CAUTIONS),
    ]

    assert [key for key in needed if key not in texts] == []
