"""Templates for continuous integration: a small race as the gate of every change, the full one each night."""

import json
from enum import StrEnum
from importlib.resources import files
from pathlib import Path
from typing import Final

from slotrush.errors import BadInputError


class Service(StrEnum):
    GITHUB = "github"
    GITLAB = "gitlab"


PLACES: Final = {
    Service.GITHUB: Path(".github/workflows/slotrush.yml"),
    Service.GITLAB: Path(".gitlab/slotrush.yml"),
}
"""Where a project keeps it. GitLab reads one file, which has to include it."""
GITLAB_CI: Final = Path(".gitlab-ci.yml")
INCLUDE: Final = f"include:\n  - local: {PLACES[Service.GITLAB]}\n"
_INSTALLED: Final = 'SLOTRUSH: "slotrush @ git+https://git.example/slotrush.git" '
"""A template that is copied as it is installs from nowhere. A plain name would be whoever's registers it."""


def template(service: Service, requirement: str) -> str:
    """The workflow or the jobs. `requirement` is what pip is to install: a version, a URL, a path."""
    text = files(__package__).joinpath(f"{service}.yml").read_text(encoding="utf-8")
    assert text.count(_INSTALLED) == 1, "a template says once what pip installs"
    return text.replace(_INSTALLED, f"SLOTRUSH: {json.dumps(requirement)} ")


def write(service: Service, project: Path, requirement: str, force: bool) -> list[Path]:
    """Write the template into a project, and return what was written.

    A `.gitlab-ci.yml` that is there already is the project's own, and stays as it is. Raises BadInputError for a
    template that is there already, unless by `force`, and for a folder that cannot be written.
    """
    content = {project / PLACES[service]: template(service, requirement)}
    if service is Service.GITLAB and not (project / GITLAB_CI).exists():
        content[project / GITLAB_CI] = INCLUDE
    for path, text in content.items():
        if path.exists() and not force:
            raise BadInputError(f"file {path}", "it is there already", "Add --force to write it anew")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        except OSError as error:
            problem = f"it cannot be written ({error.strerror})"
            raise BadInputError(f"file {path}", problem, "Call it in your project's folder") from error
    return list(content)
