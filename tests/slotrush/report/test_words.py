import re
from pathlib import Path
from string import Formatter

import pytest

from slotrush.audit import INVARIANTS
from slotrush.report import charts
from slotrush.report.content import trace_queries
from slotrush.report.timeline import OUTCOMES
from slotrush.report.verdict import Kind
from slotrush.report.words import LANGUAGES, UNKNOWN, Words, flat_texts
from slotrush.summary import INCOMPLETE
from slotrush.summary.model import MENDS

NBSP = "\u00a0"


def placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name is not None}


def test_every_language_has_the_same_keys_and_placeholders() -> None:
    first, *others = (flat_texts(language) for language in LANGUAGES)

    for other in others:
        assert other.keys() == first.keys()
        assert {key: placeholders(value) for key, value in other.items()} == {
            key: placeholders(value) for key, value in first.items()
        }


def test_no_text_is_left_untranslated() -> None:
    english, portuguese = (flat_texts(language) for language in LANGUAGES)
    same = {key for key in english if english[key] == portuguese[key]}

    assert {key for key in same if len(english[key].split()) > 1 and "{" not in english[key]} == set()


@pytest.mark.parametrize("language", LANGUAGES)
def test_whatever_the_record_may_name_has_a_text(language: str) -> None:
    texts = flat_texts(language)
    needed = [
        *(f"invariant.{name}" for name in INVARIANTS),
        *(f"component.{name}" for name in charts.COMPONENTS),
        *(f"outcome.{name}" for name in OUTCOMES),
        *(f"reason.{code.replace('-', '_')}" for code in INCOMPLETE),
        *(f"fault.{cause}" for cause in MENDS),
        *(f"verdict.{kind}" for kind in Kind),
        *(f"verdict.{kind}_note" for kind in Kind),
        *(f"trace.{name}" for name in trace_queries()),
    ]

    assert [key for key in needed if key not in texts] == []


def test_the_template_asks_for_no_text_that_is_missing() -> None:
    template = (Path(charts.__file__).parent / "templates" / "report.html.j2").read_text(encoding="utf-8")
    asked = set(re.findall(r'words\("([\w.]+)"[,)]', template))

    assert asked
    assert asked <= flat_texts("en").keys()


def test_a_key_that_is_unknown_is_an_error() -> None:
    with pytest.raises(KeyError):
        Words("en")("no.such.text")


def test_numbers_are_written_as_the_language_does() -> None:
    english, portuguese = Words("en"), Words("pt-BR")

    assert (english.number(1234567), portuguese.number(1234567)) == ("1,234,567", "1.234.567")
    assert (english.fixed(1.5, 2), portuguese.fixed(1.5, 2)) == ("1.50", "1,50")
    assert portuguese.milliseconds(1234.5) == f"1,23{NBSP}s"
    assert english.milliseconds(12.34) == f"12.3{NBSP}ms"
    assert english.milliseconds(123.4) == f"123{NBSP}ms"
    assert english.seconds(0.042) == f"42.0{NBSP}ms"
    assert english.size(3 * 2**30) == f"3{NBSP}GiB"
    assert english.microseconds(84.46, 1) == f"84.5{NBSP}µs"


def test_a_share_that_is_not_everything_never_reads_as_everything() -> None:
    assert Words("en").percent(0.9999999, 3) == f"99.999{NBSP}%"
    assert Words("en").percent(1.0, 3) == f"100{NBSP}%"


def test_moments_are_written_as_the_language_does() -> None:
    assert Words("pt-BR").moment("2026-11-19T14:26:40+00:00").startswith("19 de novembro de 2026")
    assert Words("en").moment("yesterday") == "yesterday"


def test_what_is_unknown_is_a_dash() -> None:
    words = Words("en")
    methods = (words.number, words.percent, words.share, words.seconds, words.milliseconds, words.size)

    assert {method(None) for method in methods} == {UNKNOWN}
    assert {words.fixed(None, 2), words.microseconds(None), words.moment(None)} == {UNKNOWN}


def test_money_is_written_as_the_language_does() -> None:
    english, portuguese = Words("en"), Words("pt-BR")

    assert (english.money(1234.5, "USD"), portuguese.money(1234.5, "USD")) == ("$1,234", f"US${NBSP}1.234")
    assert (english.money(1234.6, "BRL"), portuguese.money(1234.6, "BRL")) == ("R$1,235", f"R${NBSP}1.235")
    assert english.money(None, "BRL") == UNKNOWN
    assert (english.currency("BRL"), portuguese.currency("USD")) == ("R$", "US$")


def test_days_are_written_as_the_language_does() -> None:
    assert Words("pt-BR").day("2026-11-21") == "21 de novembro de 2026"
    assert Words("en").day("2026-11-21T23:59:59+00:00") == "November 21, 2026"
    assert Words("en").day(None) == UNKNOWN
