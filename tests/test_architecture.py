"""The arrows between the packages: the contracts are in .importlinter."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from importlinter.cli import EXIT_STATUS_SUCCESS, lint_imports

ROOT = Path(__file__).parents[1]
LINT_IMPORTS = [sys.executable, "-c", "from importlinter.cli import lint_imports_command; lint_imports_command()"]


def test_imports_go_one_way(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)

    status = lint_imports(config_filename=str(ROOT / ".importlinter"), no_cache=True)

    assert status == EXIT_STATUS_SUCCESS, capsys.readouterr().out


@pytest.mark.parametrize(
    ("file", "statement", "contract"),
    [
        ("slotrush/errors.py", "import slotrush.stack", "layers"),
        ("slotrush/report/__init__.py", "from slotrush.swarm import start", "layers"),
        ("target_app/settings.py", "import slotrush.errors", "product"),
        ("slotrush/limits.py", "import target_app.settings", "strangers"),
        ("locustfiles/race.py", "import slotrush.audit", "scenarios"),
        ("slotrush/audit.py", "import asyncpg", "readers"),
        ("slotrush/stack/__init__.py", "import gevent", "locust"),
    ],
)
def test_each_contract_can_be_broken(tmp_path: Path, file: str, statement: str, contract: str) -> None:
    for package in ("slotrush", "target_app", "locustfiles"):
        for source in (ROOT / package).rglob("*.py"):
            copy = tmp_path / source.relative_to(ROOT)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(source.read_bytes())
    with (tmp_path / file).open("a") as planted:
        planted.write(f"\n{statement}\n")

    finished = subprocess.run(
        [*LINT_IMPORTS, "--config", ROOT / ".importlinter", "--contract", contract, "--no-cache"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert finished.returncode == 1, finished.stdout + finished.stderr
    assert "BROKEN" in finished.stdout
