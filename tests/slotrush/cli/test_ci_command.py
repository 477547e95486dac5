"""`slotrush ci init` as it is typed, and as the README has it."""

import re
import shlex
from pathlib import Path

import pytest
import yaml

from slotrush import REPOSITORY, ci
from slotrush.ci import Service
from tests.slotrush.gate.test_gate_command import complains
from tests.typed import typed

INSTALLED = "slotrush @ git+https://git.example/slotrush.git"
"""Of the README. Nobody can register a name that ends with .example (RFC 2606)."""


def test_the_command_of_the_readme_writes_a_workflow_that_installs_what_it_names(tmp_path: Path) -> None:
    (command,) = re.findall(r"`slotrush (ci init [^`]+)`", (REPOSITORY / "README.md").read_text())

    finished = typed(*shlex.split(command), cwd=tmp_path)

    assert finished.returncode == 0, finished.stderr
    workflow = yaml.safe_load((tmp_path / ci.PLACES[Service.GITHUB]).read_text())
    assert workflow["env"]["SLOTRUSH"] == INSTALLED


@pytest.mark.parametrize("service", list(Service))
def test_it_must_be_said_what_is_installed(tmp_path: Path, service: Service) -> None:
    """There is no release: whoever registers the name could run anything in the job."""
    finished = typed("ci", "init", f"--{service}", cwd=tmp_path)

    complains(finished, "what pip installs", f'--install "{INSTALLED}"')
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("service", list(Service))
def test_a_template_that_is_copied_as_it_is_installs_from_nowhere(service: Service) -> None:
    assert f'SLOTRUSH: "{INSTALLED}"' in (REPOSITORY / "slotrush" / "ci" / f"{service}.yml").read_text()
