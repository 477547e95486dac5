"""`slotrush plan`, as it is typed."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from slotrush.capacity.plan_document import PlanDocument
from slotrush.capacity.prices import EXAMPLE_PRICES
from slotrush.cli import app
from slotrush.sweep import model, sweeping
from tests.slotrush.plan.planned import sweep


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With two sweeps, the older one of which is no good."""
    folder = tmp_path_factory.mktemp("results")
    for name, replicas in (("sweep-20261101-120000-aaaa", (1, 2)), ("sweep-20261121-120000-abcd", (1, 2, 3, 4, 6, 8))):
        (folder / name).mkdir()
        sweeping.keep(sweep(replicas=replicas), folder / name)
    return folder


def run(results: Path, *words: str) -> Result:
    return CliRunner().invoke(app, ["plan", "--results", str(results), *words], env={"COLUMNS": "160"})


def test_the_newest_sweep_becomes_a_plan_a_patch_and_json(results: Path, tmp_path: Path) -> None:
    files = ("--json", str(tmp_path / "new" / "plan.json"), "--patch", str(tmp_path / "patch"))
    result = run(results, "--patients", "20000", "--think-time-s", "20", *files)

    assert result.exit_code == 0, result.output
    document = PlanDocument.read(tmp_path / "new" / "plan.json")
    assert document.question.patients == 20_000
    assert document.source.sweep_id == "sweep-20261121-120000-abcd"
    written = {path.name for path in (tmp_path / "patch").iterdir()}
    assert written == {"kustomization.yaml", "hpa.yaml", "hpa-by-requests.yaml"}
    for said in (
        "20,000 patients who think for 20 s (1,000.0 requests/s) can be taken",
        f"{document.answer.replicas} of 60m CPU",
        "what breaks first",
        "US$",
        "R$",
        "8 replicas",
        "times as many replicas as were measured",
    ):
        assert said in result.output


def test_arrivals_are_planned_for_too(results: Path) -> None:
    result = run(results, "--arrivals-per-s", "300")

    assert result.exit_code == 0, result.output
    assert "300.0 requests/s can be taken" in result.output


def test_a_plan_that_does_not_hold_ends_with_1(results: Path) -> None:
    result = run(results, "--patients", "20000", "--database-connections", "20")

    assert result.exit_code == 1, result.output
    assert "cannot be taken" in result.output
    assert "does not hold" in result.output


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ((), "Give either --patients"),
        (("--patients", "5", "--arrivals-per-s", "5"), "Give either --patients"),
        (("--patients", "0"), "not a positive number"),
        (("--patients", "-3"), "not a positive number"),
        (("--patients", "5", "--think-time-s", "0"), "think time"),
        (("--arrivals-per-s", "-1"), "arrivals"),
        (("--patients", "5", "--headroom", "-1"), "head-room"),
        (("--patients", "5", "--failures", "-1"), "failures"),
        (("--patients", "5", "--quiet-share", "0"), "quiet share"),
        (("--patients", "5", "--peak-hours", "1000"), "peak hours"),
        (("--patients", "5", "--database-cpu", "much"), "no amount of CPU"),
        (("--patients", "5", "--database-connections", "0"), "database connections"),
        (("--patients", "5", "--prices", "/nowhere.toml"), "Name an existing price file"),
        (("--patients", "2000000"), "97.5% sure are"),
        (("--patients", "5", "/nowhere"), "cannot be read"),
    ],
    ids=" ".join,
)
def test_bad_input_ends_with_2_and_says_why(results: Path, words: tuple[str, ...], complaint: str) -> None:
    result = run(results, *words)

    assert result.exit_code == 2, result.output
    assert complaint in result.output.replace("\n", " ")


def test_without_a_sweep_it_is_said_how_to_get_one(tmp_path: Path) -> None:
    result = run(tmp_path, "--patients", "5")

    assert result.exit_code == 2
    assert "slotrush sweep" in result.output


def test_a_sweep_without_a_law_gives_the_reason_and_no_number(results: Path) -> None:
    result = run(results, "--patients", "5", str(results / "sweep-20261101-120000-aaaa"))

    assert result.exit_code == 2
    assert "too few" in result.output
    assert "replicas of" not in result.output


def test_a_sweep_of_another_version_is_refused(results: Path, tmp_path: Path) -> None:
    content = json.loads((model.newest(results) / model.FILE_NAME).read_text())
    (tmp_path / model.FILE_NAME).write_text(json.dumps(content | {"schema_version": 1}))

    result = run(results, "--patients", "5", str(tmp_path))

    assert result.exit_code == 2
    assert f"no sweep of schema version {model.SCHEMA_VERSION}" in result.output


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ('currency = "USD"', 'currency = "EUR"', "currency 'EUR' is unknown"),
        ("vcpu_hour = 0.0696", "", "vcpu_hour is missing"),
        ("brl_per_usd = 5.5024", "", "brl_per_usd is missing"),
        ("nodes_min = 2", "nodes_min = -2", "nodes_min = -2 is no price or amount"),
    ],
    ids=["unknown currency", "a price missing", "no exchange rate", "a negative amount"],
)
def test_prices_that_are_wrong_are_named(results: Path, tmp_path: Path, old: str, new: str, complaint: str) -> None:
    prices = tmp_path / "prices.toml"
    prices.write_text(EXAMPLE_PRICES.read_text().replace(old, new, 1))

    result = run(results, "--patients", "5", "--prices", str(prices))

    assert result.exit_code == 2
    assert complaint in result.output


def test_a_file_that_cannot_be_written_is_named(results: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    result = run(results, "--patients", "100", "--patch", str(tmp_path / "file"))

    assert result.exit_code == 2
    assert "cannot be written" in result.output
