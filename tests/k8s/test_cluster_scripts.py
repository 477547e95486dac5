"""scripts/k8s-up and scripts/k8s-race, as far as they go without a cluster."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.k8s.rendering import ROOT

SCRIPTS = ("k8s-up", "k8s-race")


def run(name: str, *arguments: str, path: str | None = None) -> "subprocess.CompletedProcess[str]":
    environment = os.environ | ({} if path is None else {"PATH": path})
    command = [str(ROOT / "scripts" / name), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)


def commands(name: str, *arguments: str) -> list[str]:
    shown = run(name, "--dry-run", *arguments)
    assert shown.returncode == 0, shown.stderr
    return [line.removeprefix("+ ") for line in shown.stdout.splitlines() if line.startswith("+ ")]


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_dry_run_shows_commands_that_a_shell_can_read(name: str) -> None:
    for command in commands(name):
        assert shlex.split(command, comments=True) or command.startswith("#")


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_dry_run_names_files_that_are_there(name: str) -> None:
    named = re.findall(r"(?:-k|-f|--config|--file) (k8s/\S+|target_app/\S+)", "\n".join(commands(name)))

    assert all((ROOT / path).exists() for path in named)


def test_the_system_comes_up_in_an_order_that_works() -> None:
    every = "\n".join(commands("k8s-up", "--monitoring", "--cluster", "mine"))
    order = ["kind create cluster", "kind load", "eg oci:", "cnpg-", "k8s/monitoring", "namespace.yaml", "Secrets"]
    order += (
        "-k k8s/overlays/kind",
        "cluster/postgres",
        "wait job/migrate",
        "hpa.yaml",
        "rollout status deployment/app",
    )
    places = [every.index(word) for word in order]

    assert places == sorted(places)
    assert "kind-booking" not in every


@pytest.mark.parametrize(
    ("options", "hpa"), [((), "k8s/base/hpa.yaml"), (("--monitoring",), "k8s/monitoring/hpa.yaml")]
)
def test_requests_are_scaled_by_where_something_serves_them(options: tuple[str, ...], hpa: str) -> None:
    every = commands("k8s-up", *options)

    assert [one for one in every if one.endswith("hpa.yaml")] == [
        f"kubectl --context kind-booking --namespace booking apply -f {hpa}"
    ]
    assert any("prometheus-adapter" in one for one in every) == bool(options)


def test_a_race_is_run_with_the_numbers_that_were_asked_for_and_brought_back() -> None:
    every = commands("k8s-race", "--workers", "8", "--patients", "500", "--seed", "4")
    environment = dict(
        line.split("=", 1) for line in (ROOT / ".slotrush" / "k8s-race" / "race.env").read_text().splitlines()
    )

    assert (environment["WORKERS"], environment["PATIENTS"], environment["SEED"]) == ("8", "500", "4")
    assert every[-1] == f".venv/bin/python -m slotrush report results/{environment['RUN_ID']}"
    [fetched] = [one for one in every if "tar -xf" in one]
    assert environment["RUN_ID"] in fetched


@pytest.mark.parametrize(
    ("name", "arguments", "problem"),
    [
        ("k8s-up", ["--fast"], "--fast: there is no such option"),
        ("k8s-up", ["--cluster"], "--cluster: no name is given"),
        ("k8s-race", ["--workers", "none"], "--workers none: it must be a whole number"),
        ("k8s-race", ["--workers", "0"], "--workers 0: it must be a whole number"),
        ("k8s-race", ["--patients"], "--patients : it must be a whole number"),
    ],
)
def test_bad_options_are_named(name: str, arguments: list[str], problem: str) -> None:
    result = run(name, *arguments)

    assert result.returncode == 2
    assert result.stderr.startswith(problem)


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_program_that_is_missing_is_named(tmp_path: Path, name: str) -> None:
    for program in ("bash", "dirname", "date", "sed"):
        found = shutil.which(program)
        assert found is not None
        (tmp_path / program).symlink_to(found)

    result = run(name, path=str(tmp_path))

    assert result.returncode == 2
    assert "it is not installed" in result.stderr
    assert "--dry-run" in result.stderr


@pytest.mark.parametrize("name", [*SCRIPTS, "k8s-rules", "lock-images"])
def test_the_shell_takes_the_script(name: str) -> None:
    assert subprocess.run(["bash", "-n", ROOT / "scripts" / name], check=False).returncode == 0


def test_a_file_is_fetched_whole_once_it_is_there(tmp_path: Path, free_port: int) -> None:
    """As the workers' pods get their sessions from a pod that is still starting."""
    served, target = tmp_path / "served", tmp_path / "sessions.json"
    served.mkdir()
    url = f"http://127.0.0.1:{free_port}/sessions.json"
    with subprocess.Popen([sys.executable, "-m", "slotrush.swarm.fetch", url, str(target)], cwd=ROOT) as fetching:
        server = [sys.executable, "-m", "http.server", str(free_port), f"--directory={served}"]
        with subprocess.Popen(server, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as serving:
            try:
                (served / "coming").write_text('{"patients": []}')
                (served / "coming").rename(served / "sessions.json")
                assert fetching.wait(30) == 0
            finally:
                serving.terminate()

    assert target.read_text() == '{"patients": []}'
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["sessions.json"]
