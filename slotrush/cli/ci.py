"""Commands for continuous integration."""

from pathlib import Path
from typing import Annotated

import typer

from slotrush import ci as templates
from slotrush.ci import Service
from slotrush.cli.base import Commands, console
from slotrush.errors import BadInputError

commands = typer.Typer()
ci = typer.Typer(cls=Commands, no_args_is_help=True, help="Make a race the gate of every change.")
commands.add_typer(ci, name="ci")


@ci.command("init")
def init(
    github: Annotated[bool, typer.Option("--github", help="A workflow for GitHub Actions.")] = False,
    gitlab: Annotated[bool, typer.Option("--gitlab", help="Jobs for GitLab CI.")] = False,
    install: Annotated[
        str | None,
        typer.Option(metavar="REQUIREMENT", help="What pip installs there: a URL, a path, a version. Required."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Write anew what is there already.")] = False,
) -> None:
    """Write a workflow into this project: a small race for each change, the full one each night."""
    asked = [service for service, wanted in ((Service.GITHUB, github), (Service.GITLAB, gitlab)) if wanted]
    if not asked:
        raise BadInputError("ci init", "it does not say for what", "Add --github, --gitlab or both")
    if install is None:
        raise BadInputError(
            "ci init",
            "it does not say what pip installs there, and slotrush has no release that it could be",
            'Add --install, such as --install "slotrush @ git+https://git.example/slotrush.git"',
        )
    for service in asked:
        written = templates.write(service, Path(), install, force)
        for path in written:
            console.print(f"written: {path}", markup=False, highlight=False, soft_wrap=True)
        if service is Service.GITLAB and templates.GITLAB_CI not in written:
            console.print(f"add to {templates.GITLAB_CI}:\n\n{templates.INCLUDE}", markup=False, highlight=False)
