"""The templates for continuous integration, held against the schemas of those who read them."""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from slotrush import ci
from slotrush.ci import Service
from slotrush.errors import BadInputError

ROOT = Path(__file__).parents[3]
SCHEMAS = {
    Service.GITHUB: ["vendor.github-workflows"],
    Service.GITLAB: ["vendor.gitlab-ci", "--data-transform", "gitlab-ci"],
}
BROKEN = {Service.GITHUB: ("runs-on:", "runs_on:"), Service.GITLAB: ("when: always", "when: allways")}
INJECTED = ('install "$SLOTRUSH"', 'install "${{ github.head_ref }}"')


@pytest.fixture(params=list(Service))
def service(request: pytest.FixtureRequest) -> Service:
    chosen: Service = request.param
    return chosen


def held_against_its_schema(service: Service, file: Path) -> subprocess.CompletedProcess[str]:
    return run(sys.executable, "-m", "check_jsonschema", "--builtin-schema", *SCHEMAS[service], str(file))


def audited(file: Path) -> subprocess.CompletedProcess[str]:
    """By zizmor, which knows how workflows are attacked."""
    zizmor = shutil.which("zizmor", path=str(Path(sys.executable).parent))
    assert zizmor is not None
    return run(zizmor, "--offline", "--config", str(Path(__file__).with_name("zizmor.yml")), str(file))


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False)


def scripts(node: Any) -> list[str]:
    """Everything in a template that a shell runs."""
    if isinstance(node, dict):
        return [text for key, value in node.items() for text in ([value] if key == "run" else scripts(value))]
    if isinstance(node, list):
        return [text for value in node for text in ([value] if isinstance(value, str) else scripts(value))]
    return []


def is_locked(file: Path) -> bool:
    own = not any(part.startswith(".") for part in file.relative_to(ROOT).parts)
    return own and file.is_file() and "--hash=sha256:" in file.read_text()


def test_a_template_is_what_its_service_reads(service: Service, tmp_path: Path) -> None:
    written = ci.write(service, tmp_path, "slotrush==1.0", force=False)
    for file in written:
        checked = held_against_its_schema(service, file)
        assert checked.returncode == 0, checked.stdout


def test_its_schema_finds_a_mistake(service: Service, tmp_path: Path) -> None:
    file, *_ = ci.write(service, tmp_path, "slotrush==1.0", force=False)
    right, wrong = BROKEN[service]
    file.write_text(file.read_text().replace(right, wrong))
    assert held_against_its_schema(service, file).returncode == 1


def test_nobody_can_attack_the_workflow(tmp_path: Path) -> None:
    file, *_ = ci.write(Service.GITHUB, tmp_path, "slotrush==1.0", force=False)
    assert audited(file).returncode == 0, audited(file).stdout
    file.write_text(file.read_text().replace(*INJECTED))
    assert "template-injection" in audited(file).stdout


def test_a_shell_can_read_every_script(service: Service) -> None:
    found = scripts(yaml.safe_load(ci.template(service, "slotrush==1.0")))
    assert len(found) >= 4
    for script in found:
        checked = run("bash", "-n", "-c", script)
        assert checked.returncode == 0, checked.stderr


@pytest.mark.parametrize(
    "requirement", ["slotrush==1.0", "slotrush @ git+https://git.example/a.git@v1#x", 'a "b" \\c: #d']
)
def test_what_pip_installs_survives_the_template(service: Service, requirement: str) -> None:
    content = yaml.safe_load(ci.template(service, requirement))
    variables = content["env"] if service is Service.GITHUB else content[".slotrush"]["variables"]
    assert variables["SLOTRUSH"] == requirement


def test_what_is_installed_is_audited(service: Service) -> None:
    """Strictly: without, a database of vulnerabilities that does not answer passes for one that knows of none."""
    jobs = yaml.safe_load(ci.template(service, "slotrush==1.0"))
    audit = scripts(jobs["jobs"]["audit"]) if service is Service.GITHUB else jobs["slotrush-audit"]["script"]
    assert any("pip_audit --strict" in script for script in audit)


def test_this_projects_locked_versions_are_audited() -> None:
    workflow = ROOT / ".github/workflows/dependencies.yml"
    assert held_against_its_schema(Service.GITHUB, workflow).returncode == 0
    assert audited(workflow).returncode == 0, audited(workflow).stdout
    assert "scripts/audit-dependencies" in scripts(yaml.safe_load(workflow.read_text()))
    script = (ROOT / "scripts/audit-dependencies").read_text()
    locked = {str(file.relative_to(ROOT)) for file in ROOT.rglob("requirements.*") if is_locked(file)}
    assert {"requirements.lock", "target_app/requirements.txt"} <= locked
    assert not [file for file in locked if file not in script]


def test_this_project_uses_its_own_workflow() -> None:
    own = ROOT / ci.PLACES[Service.GITHUB]
    assert own.read_text() == ci.template(Service.GITHUB, ".")


def test_this_projects_tests_run_for_each_change_and_the_long_ones_each_night() -> None:
    workflow = ROOT / ".github/workflows/tests.yml"
    assert held_against_its_schema(Service.GITHUB, workflow).returncode == 0
    assert audited(workflow).returncode == 0, audited(workflow).stdout
    content = yaml.safe_load(workflow.read_text())
    steps = {step["name"]: step for step in content["jobs"]["tests"]["steps"] if "name" in step}
    assert ".ci/run" in steps["Every change"]["run"]
    assert "if" not in steps["Every change"]
    assert 'scripts/test -m "long or hypothesis"' in steps["Every night"]["run"]
    assert {"pull_request", "schedule"} <= content[True].keys()  # YAML 1.1 reads "on" as true


def test_what_is_there_stays_unless_by_force(service: Service, tmp_path: Path) -> None:
    (tmp_path / ci.GITLAB_CI).write_text("stages: [test]\n")
    file, *others = ci.write(service, tmp_path, "slotrush==1.0", force=False)
    assert others == []
    with pytest.raises(BadInputError, match="it is there already"):
        ci.write(service, tmp_path, "slotrush==2.0", force=False)
    assert "slotrush==1.0" in file.read_text()
    ci.write(service, tmp_path, "slotrush==2.0", force=True)
    assert "slotrush==2.0" in file.read_text()
    assert (tmp_path / ci.GITLAB_CI).read_text() == "stages: [test]\n"


def test_a_gitlab_project_without_jobs_gets_a_file_that_includes_them(tmp_path: Path) -> None:
    ci.write(Service.GITLAB, tmp_path, "slotrush==1.0", force=False)
    assert yaml.safe_load((tmp_path / ".gitlab-ci.yml").read_text()) == {"include": [{"local": ".gitlab/slotrush.yml"}]}
