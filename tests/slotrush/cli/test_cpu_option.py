"""`--cpu`, wherever a stack is started."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from slotrush.cli import app

LOOPBACK = ("--host", "http://127.0.0.1:9", "--sessions", "nobody.json")


@pytest.mark.parametrize("command", [("race",), ("swarm", "soak"), ("up",)], ids=" ".join)
def test_what_is_no_amount_of_cpu_ends_with_2(
    command: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, [*command, "--cpu", "150MB"])
    assert result.exit_code == 2
    assert "--cpu 150MB: it is no amount of CPU. Write it as Kubernetes does: 150m or 0.5" in result.output.replace(
        "\n", " "
    )


@pytest.mark.parametrize("command", [("race",), ("swarm", "soak")], ids=" ".join)
def test_a_target_that_runs_already_gets_no_quota(command: tuple[str, ...]) -> None:
    result = CliRunner().invoke(app, [*command, *LOOPBACK, "--cpu", "150m"])
    assert result.exit_code == 2
    assert "a target that runs already has its own" in result.output
