"""A report of all that there can be in one, written once in both languages."""

from pathlib import Path

import pytest

from slotrush import capacity_report
from slotrush.capacity_report import material, page
from slotrush.capacity_report.material import Material
from slotrush.report.files import Format, file_names
from slotrush.report.words import Words
from tests.slotrush.capacity_report import evidence

LANGUAGES = ("en", "pt-BR")


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the evidence is."""
    folder = tmp_path_factory.mktemp("evidence")
    evidence.write_plan(folder / "plan.json")
    evidence.write_sweep(folder / "sweep")
    evidence.write_check(folder / "scale-check")
    evidence.write_summary(folder / "soak")
    return folder


@pytest.fixture(scope="session")
def whole(folder: Path) -> Material:
    return material.read(folder / name for name in ("plan.json", "sweep", "scale-check", "soak"))


@pytest.fixture(scope="session")
def pages(whole: Material, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The report as HTML, by language."""
    files = file_names(tmp_path_factory.mktemp("pages") / "capacity.html")
    capacity_report.write(whole, files, Format.HTML, evidence.TODAY)
    return files


@pytest.fixture(params=LANGUAGES)
def words(request: pytest.FixtureRequest) -> Words:
    return Words(request.param, also=page.PACKAGE)
