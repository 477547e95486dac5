"""What a record says of the machine, and of the code that ran on it."""

import subprocess
from pathlib import Path

import pytest

from slotrush import machine


def git(folder: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=Ana", "-c", "user.email=ana@example.org"]
    subprocess.run(["git", "-C", str(folder), *identity, *arguments], check=True, capture_output=True)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    git(tmp_path, "init", "-q")
    (tmp_path / "code.py").write_text("1")
    git(tmp_path, "add", "code.py")
    git(tmp_path, "commit", "-qm", "First")
    return tmp_path


def test_a_checkout_has_a_commit_with_a_plus_when_files_differ(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "REPOSITORY", checkout)
    clean = machine.commit()
    (checkout / "code.py").write_text("2")

    assert clean is not None
    assert len(clean) == 12
    assert machine.commit() == clean + "+"


def test_installed_within_somebody_elses_checkout_there_is_none(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed = checkout / ".venv" / "site-packages"
    installed.mkdir(parents=True)
    monkeypatch.setattr(machine, "REPOSITORY", installed)

    assert machine.commit() is None
