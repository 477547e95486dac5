"""A run's report in another place, language or format than those of its folder."""

import sys
from pathlib import Path

import pytest
from pypdf import PdfReader

from slotrush import report
from slotrush.errors import BadInputError
from slotrush.report import elsewhere, files, pdf
from slotrush.report.files import Format
from tests.slotrush.report import synthetic
from tests.slotrush.report.reading import read_page


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    run_dir = synthetic.write_run(tmp_path_factory.mktemp("results") / "run")
    report.write(run_dir)
    return run_dir


def test_one_language_leads_to_no_other(run_dir: Path, tmp_path: Path) -> None:
    (path,) = elsewhere.write(run_dir, {"pt-BR": tmp_path / "corrida.html"}, Format.HTML)

    assert read_page(path).get("lang") == "pt-BR"
    assert read_page(path).find(".//a[@hreflang]") is None


@pytest.fixture(scope="module")
def both(run_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Its report in both languages, as race.html and race.pt-BR.html."""
    return elsewhere.write(run_dir, files.file_names(tmp_path_factory.mktemp("both") / "race.html"), Format.HTML)


def test_both_languages_lead_to_each_other(both: list[Path]) -> None:
    for path, other in zip(both, reversed(both), strict=True):
        link = read_page(path).find(".//a[@hreflang]")
        assert link is not None
        assert path.with_name(link.get("href", "")) == other


def test_the_pages_of_its_folder_are_the_same_with_their_own_names(run_dir: Path, both: list[Path]) -> None:
    for path, name in zip(both, report.FILE_NAMES.values(), strict=True):
        assert path.read_text().replace('href="race.', 'href="report.') == (run_dir / name).read_text()


def test_a_run_is_printed_on_a4(run_dir: Path, tmp_path: Path) -> None:
    if pdf.browser() is None:
        pytest.skip("No browser: install chromium, or name one in CHROMIUM")
    (path,) = elsewhere.write(run_dir, {"en": tmp_path / "race.pdf"}, Format.PDF)
    (width, height) = PdfReader(path).pages[0].mediabox[2:]

    assert (float(width), float(height)) == pytest.approx((595, 842), abs=1)


def test_without_playwright_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "playwright.sync_api", None)

    with pytest.raises(BadInputError, match=r"pip install playwright.*--format html"):
        pdf.printed("<p>page</p>")


def test_without_a_browser_it_is_said_how_to_get_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(pdf.VARIABLE, str(tmp_path / "no-such-browser"))

    with pytest.raises(BadInputError, match=r"there is no Chromium.*playwright install chromium.*CHROMIUM"):
        pdf.printed("<p>page</p>")


def test_a_browser_that_does_not_start_is_said_to_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(pdf.VARIABLE, "/bin/false")

    with pytest.raises(BadInputError, match="the browser failed"):
        pdf.printed("<p>page</p>")


def test_a_place_that_cannot_be_written_is_bad_input(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way", encoding="utf-8")

    with pytest.raises(BadInputError, match="cannot be written"):
        files.keep(b"content", tmp_path / "file" / "report.html")
    with pytest.raises(BadInputError, match="cannot be written"):
        files.keep(b"content", tmp_path)
