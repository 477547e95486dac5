"""The arrows between the packages: the contracts are in .importlinter."""

import os
import re
import subprocess
import sys
from configparser import ConfigParser
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LINT_IMPORTS = [sys.executable, "-c", "from importlinter.cli import lint_imports_command; lint_imports_command()"]


def test_imports_go_one_way() -> None:
    linted = subprocess.run([*LINT_IMPORTS, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert linted.returncode == 0, linted.stdout


PLANTED = [
    ("slotrush/errors.py", "slotrush.stack", "layers"),
    ("slotrush/report/__init__.py", "slotrush.swarm.start", "layers"),
    ("target_app/settings.py", "slotrush.errors", "product"),
    ("slotrush/limits.py", "target_app.settings", "strangers"),
    ("locustfiles/race.py", "slotrush.audit", "scenarios"),
    ("dashboards/sli.py", "slotrush.runs.record", "boards"),
    ("dashboards/sli.py", "target_app.metrics", "boards"),
    ("slotrush/audit/__init__.py", "asyncpg", "readers"),
    ("slotrush/stack/__init__.py", "gevent", "locust"),
]
"""A file, what it is to import, and the contract that this breaks."""


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What is said of a tree in which every contract is broken."""
    tree = tmp_path_factory.mktemp("tree")
    for package in ("slotrush", "target_app", "locustfiles", "dashboards"):
        for source in (ROOT / package).rglob("*.py"):
            copy = tree / source.relative_to(ROOT)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(source.read_bytes())
    for file, imported, _ in PLANTED:
        with (tree / file).open("a") as planted:
            planted.write(f"\nimport {imported}\n")
    finished = subprocess.run(
        [*LINT_IMPORTS, "--config", ROOT / ".importlinter", "--no-cache"],
        cwd=tree,
        env=os.environ | {"PYTHONPATH": str(tree), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 1, finished.stdout + finished.stderr
    return finished.stdout


def of_contract(contract: str, told: str) -> str:
    """What is said of one contract, under its name."""
    contracts = ConfigParser()
    contracts.read(ROOT / ".importlinter")
    name = contracts[f"importlinter:contract:{contract}"]["name"]
    _, _, after = told.partition(f"{name}\n{'-' * len(name)}\n")
    return after.partition("\n---")[0]


@pytest.mark.parametrize(("file", "imported", "contract"), PLANTED)
def test_each_contract_can_be_broken(told: str, file: str, imported: str, contract: str) -> None:
    importer = file.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    assert re.search(rf"^- +{importer} -> {imported} \(l\.", of_contract(contract, told), re.MULTILINE)


def test_every_contract_is_broken_here() -> None:
    contracts = ConfigParser()
    contracts.read(ROOT / ".importlinter")
    named = {section.rpartition(":")[2] for section in contracts.sections() if ":contract:" in section}
    assert named == {contract for _, _, contract in PLANTED}


def test_what_wants_the_machine_for_itself_is_in_e2e() -> None:
    """Unless it is for the night. scripts/test looks nowhere else: to collect every test for these few takes 8 s."""
    marks = re.compile(r"\bmark\.alone")
    elsewhere = [file for file in (ROOT / "tests").rglob("*.py") if "e2e" not in file.parts]
    marked = [line for file in elsewhere for line in file.read_text().splitlines() if marks.search(line)]
    assert [line for line in marked if "mark.long" not in line] == []
