"""`slotrush report`, as it is typed."""

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from slotrush.cli import app
from slotrush.report import pdf
from tests.slotrush.capacity_report import evidence
from tests.slotrush.report import synthetic


def run(*words: str | Path) -> Result:
    return CliRunner().invoke(app, ["report", *map(str, words)])


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return synthetic.write_run(tmp_path_factory.mktemp("results") / "run")


def test_one_run_alone_gets_its_own_report(run_dir: Path) -> None:
    result = run(run_dir)

    assert result.exit_code == 0, result.output
    assert {path.name for path in run_dir.iterdir()} >= {"summary.json", "report.html", "report.pt-BR.html"}
    assert not list(run_dir.parent.rglob("capacity*"))


def test_one_run_in_one_language_goes_where_it_is_told_to(run_dir: Path, tmp_path: Path) -> None:
    result = run(run_dir, "--lang", "pt-BR", "--output", tmp_path / "corrida.html")

    assert result.exit_code == 0, result.output
    assert 'lang="pt-BR"' in (tmp_path / "corrida.html").read_text(encoding="utf-8")


def test_a_plan_and_its_sweep_get_a_capacity_report_in_both_languages_beside_the_plan(tmp_path: Path) -> None:
    plan, sweep = evidence.write_plan(tmp_path / "plan.json"), evidence.write_sweep(tmp_path / "sweep")
    result = run(sweep, plan)

    assert result.exit_code == 0, result.output
    assert "20,000 patients" in (tmp_path / "capacity.html").read_text(encoding="utf-8")
    assert "20.000 pacientes" in (tmp_path / "capacity.pt-BR.html").read_text(encoding="utf-8")


def test_options_name_the_kinds(tmp_path: Path) -> None:
    plan, check = evidence.write_plan(tmp_path / "plan.json"), evidence.write_check(tmp_path / "check")
    output = tmp_path / "out" / "brief.html"
    result = run("--plan", plan, "--scale-check", check, "--lang", "en", "--output", output)

    assert result.exit_code == 0, result.output
    assert [path.name for path in output.parent.iterdir()] == ["brief.html"]


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ((), "there is nothing to report on"),
        (("--plan", "/nowhere.json"), "cannot be read"),
        (("--sweep", "/nowhere"), "cannot be read"),
        (("--scale-check", "/nowhere"), "cannot be read"),
        (("no-such-run",), "no-such-run"),
    ],
    ids=["nothing", "no plan", "no sweep", "no check", "no run"],
)
def test_bad_input_ends_with_2_and_says_why(words: tuple[str, ...], complaint: str) -> None:
    result = run(*words)

    assert result.exit_code == 2
    assert complaint in result.output


def test_a_pdf_without_a_browser_ends_with_2(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(pdf.VARIABLE, str(tmp_path / "no-such-browser"))
    result = run(evidence.write_plan(tmp_path / "plan.json"), "--format", "pdf")

    assert result.exit_code == 2
    assert "playwright install chromium" in result.output
    assert not (tmp_path / "capacity.pdf").exists()
