"""Commands that judge a run by its record."""

from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from slotrush import errors
from slotrush import run as running
from slotrush.archive import folders
from slotrush.cli.base import RunFolder, console
from slotrush.errors import BadInputError
from slotrush.report.verdict import Kind

commands = typer.Typer()
EXIT_CODES = {
    Kind.PASSED: errors.EXIT_OK,
    Kind.REMARKS: errors.EXIT_OK,
    Kind.FAILED: errors.EXIT_FAILED,
    Kind.MISSED: errors.EXIT_FAILED,
    Kind.PARTIAL: errors.EXIT_UNDECIDED,
    Kind.INVALID: errors.EXIT_INVALID_RUN,
}


@commands.command()
def audit(run: RunFolder) -> None:
    """Audit a run again: what clients were told against what the database held."""
    from slotrush import audit as auditor  # noqa: PLC0415
    from slotrush.runs import record  # noqa: PLC0415

    with closing(record.open_finished(run)) as connection:
        result = auditor.run_audit(connection)
    for check in result.checks:
        mark = "[green]kept  [/green]" if not check.broken else "[red]BROKEN[/red]"
        console.print(f"{mark}  {check.checked:>9,} checked  {check.broken:>6,} broken  {check.title}", highlight=False)
        for finding in check.findings[:20]:
            console.print(f"            {escape(finding)}", highlight=False)
        if len(check.findings) > 20:
            console.print(f"            … and {check.broken - 20:,} more, in the table audit_findings")
    raise typer.Exit(errors.EXIT_OK if result.clean else errors.EXIT_FAILED)


@commands.command()
def gate(
    run: Annotated[
        str | None, typer.Argument(metavar="RUN", help="A run's folder or its run.sqlite, its id, or `latest`.")
    ] = None,
    slo: Annotated[Path | None, typer.Option(help="YAML file with the objectives; slotrush's own by default.")] = None,
    junit: Annotated[Path | None, typer.Option(help="JUnit XML file to write.")] = None,
    json: Annotated[Path | None, typer.Option(help="JSON file to write.")] = None,
    markdown: Annotated[
        Path | None, typer.Option(help='Markdown file to write, such as "$GITHUB_STEP_SUMMARY".')
    ] = None,
    github: Annotated[bool, typer.Option("--github", help="Print annotations for GitHub Actions.")] = False,
    results: Annotated[Path, typer.Option(help="The folder that holds the runs.")] = Path("results"),
    against: Annotated[
        str | None,
        typer.Option(metavar="GIT_REF", help="Instead of a run: the working tree in turns with that version."),
    ] = None,
    pairs: Annotated[int, typer.Option(help="With --against: turns of each version, at most.")] = 240,
) -> None:
    """Hold a run against the objectives, or the working tree against another version.

    0 passed, 1 failed, 3 undecided, 4 invalid.
    """
    from slotrush.gate import command  # noqa: PLC0415  keeps `--help` quick

    outputs = command.Outputs(junit, json, markdown, github)
    if (run is None) == (against is None) or (against is not None and slo is not None):
        mend = "Name a run, with --slo if you like, or --against and a commit"
        raise BadInputError("slotrush gate", "it judges either a run or two versions", mend)
    if against is not None:
        from slotrush.bench.versions.command import against as hold  # noqa: PLC0415

        compared = hold(against, pairs, outputs, console, lambda step: console.print(escape(step), style="dim"))
        raise typer.Exit(compared.exit_code)
    assert run is not None
    path = Path(run) if Path(run).exists() else folders.find(run, results)
    raise typer.Exit(command.gate(path, slo, outputs, console).exit_code)


def conclude(ran: running.Ran) -> None:
    """Say what the run amounts to, and end with its exit code."""
    from slotrush.report import FILE_NAMES, terminal  # noqa: PLC0415

    kind, lines = terminal.conclusion(ran.summary)
    console.print("\n".join(["", *lines, ""]), highlight=False, soft_wrap=True)
    for name in ("run.sqlite", "summary.json", *FILE_NAMES.values()):
        console.print(f"  {ran.folder / name}", highlight=False, soft_wrap=True)
    raise typer.Exit(EXIT_CODES[kind])
