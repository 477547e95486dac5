"""The report on paper."""

import unicodedata
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from pypdf import PdfReader

from slotrush import capacity_report
from slotrush.capacity.plan_document import Caution
from slotrush.capacity_report.material import Material
from slotrush.capacity_report.summary import CAUTIONS_SHOWN
from slotrush.report import pdf
from slotrush.report.files import Format
from slotrush.report.words import Words
from tests.slotrush.capacity_report import evidence

A4_PT = (210 / 25.4 * 72, 297 / 25.4 * 72)
PAGES_MAX = 7
"""One of summary, two of charts, one of tables, and up to three of methods and sources."""
LONGEST = ("database_size_assumed", "does_not_hold", "one_machine", "no_held_out", "extrapolated", "held_out_missed")


@pytest.fixture(scope="module", autouse=True)
def _chromium() -> None:
    if pdf.browser() is None:
        pytest.skip("No browser: install chromium, or name one in CHROMIUM")


def printed(what: Material, language: str, path: Path) -> PdfReader:
    capacity_report.write(what, {language: path}, Format.PDF, evidence.TODAY)
    return PdfReader(path)


@pytest.fixture(scope="module")
def paper_in(whole: Material, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], PdfReader]:
    """The report in a language: a Chromium prints it once."""
    return cache(lambda language: printed(whole, language, tmp_path_factory.mktemp("paper") / "capacity.pdf"))


@pytest.fixture
def paper(paper_in: Callable[[str], PdfReader], words: Words) -> PdfReader:
    return paper_in(words.language)


def texts(paper: PdfReader) -> list[str]:
    """By page, with every run of white space as one space, and ligatures as letters."""
    return [unicodedata.normalize("NFKC", " ".join(page.extract_text().split())) for page in paper.pages]


def test_it_is_on_a4_tagged_and_in_its_language(paper: PdfReader, words: Words) -> None:
    assert len(paper.pages) <= PAGES_MAX
    for page in paper.pages:
        assert (float(page.mediabox.width), float(page.mediabox.height)) == pytest.approx(A4_PT, abs=1)
    root: Any = paper.trailer["/Root"]
    assert root["/MarkInfo"]["/Marked"]
    assert root["/Lang"] == words.language
    assert paper.metadata is not None
    assert paper.metadata.title == words("brief.title_patients", patients=words.number(evidence.PATIENTS))


def test_the_first_page_is_the_summary_and_the_charts_follow(paper: PdfReader, words: Words) -> None:
    first, second, third, *_ = texts(paper)

    assert words("caution.heading") in first
    assert words("brief.footer") in first
    assert f"1 / {len(paper.pages)}" in first
    assert words("chart.heading") in second
    assert words("chart.scaling.title") in second
    assert words("chart.residuals.title") in second
    assert words("chart.latency.title") in third


@pytest.mark.parametrize("words", [pytest.param("en", marks=pytest.mark.long), "pt-BR"], indirect=True)
def test_the_summary_is_one_page_when_much_speaks_against_the_plan(
    whole: Material, words: Words, tmp_path: Path
) -> None:
    """Portuguese, the longer of the two, is the one that would need another."""
    assert whole.planned is not None
    cautions = tuple(Caution(key, 2.4) for key in (*LONGEST, *LONGEST)[: CAUTIONS_SHOWN + 1])
    plan = replace(whole.planned.plan, cautions=cautions)
    paper = printed(replace(whole, planned=replace(whole.planned, plan=plan)), words.language, tmp_path / "c.pdf")

    first, second, *_ = texts(paper)
    assert words("brief.footer") in first
    assert words("chart.heading") in second
