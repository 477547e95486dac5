"""Commands about the runs that are kept: list, show, compare and prune them, and export one for other tools."""

import json
import shutil
import sys
import time
from contextlib import closing
from dataclasses import asdict
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from slotrush.archive import comparing, folders, listing, pruning, reading
from slotrush.archive import tables as shown
from slotrush.cli.base import Commands, console
from slotrush.errors import BadInputError

commands = typer.Typer()
runs = typer.Typer(cls=Commands, no_args_is_help=True, help="List, show, compare and prune the runs that are kept.")
commands.add_typer(runs, name="runs")

Results = Annotated[Path, typer.Option(help="The folder that holds the runs.")]
RunName = Annotated[str, typer.Argument(metavar="RUN", help="A run's folder, its id, or `latest`.")]
AsJson = Annotated[bool, typer.Option("--json", help="For machines.")]
RESULTS = Path("results")
PIPED_COLUMNS = 200
"""Where there is no terminal whose width lines must fit."""


class Format(StrEnum):
    JSON = "json"
    CSV = "csv"
    OPENMETRICS = "openmetrics"


@runs.command("list")
def list_command(as_json: AsJson = False, results: Results = RESULTS) -> None:
    """Every run, the newest first; a folder that is no run, or a damaged one, with what is wrong with it."""
    found = listing.entries(results, time.time())
    if as_json:
        _print_json([listing.as_plain(entry) for entry in found])
    elif found:
        screen = _screen()
        screen.print(shown.list_table(found, screen.width))
    else:
        console.print(f"there is no run in {results}", markup=False, highlight=False)


@runs.command("show")
def show(run: RunName, as_json: AsJson = False, results: Results = RESULTS) -> None:
    """One run: what it was, what it amounts to, its endpoints, its generator, and what it cost."""
    folder = folders.find(run, results)
    summary = reading.read_summary(folder)
    if as_json:
        _print_json(asdict(summary))
    else:
        _screen().print(*shown.run_view(folders.size_bytes(folder), summary), sep="\n")


@runs.command("compare")
def compare(
    first: Annotated[str, typer.Argument(metavar="A", help="The run that the others are held against.")],
    others: Annotated[list[str], typer.Argument(metavar="B", help="One other run, or more.")],
    as_json: AsJson = False,
    results: Results = RESULTS,
) -> None:
    """The figures of runs side by side, with their ratios to the first one's. It gives no verdict."""
    found = comparing.compare([reading.read_summary(folders.find(run, results)) for run in (first, *others)])
    if as_json:
        _print_json(comparing.as_plain(found))
    else:
        _screen().print(*shown.comparison_view(found), sep="\n")


@runs.command("prune")
def prune(
    keep: Annotated[int | None, typer.Option(min=0, help="Keep so many of the newest runs.")] = None,
    older_than: Annotated[
        str | None, typer.Option(metavar="AGE", help="Only runs that began so long ago: 30d, 12h, 90m, 2w.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    results: Results = RESULTS,
) -> None:
    """Remove old runs. What is still being written stays, and so does everything that is not a run."""
    age = pruning.parse_age(older_than) if older_than is not None else None
    candidates = pruning.candidates(results, time.time())
    plan = pruning.plan(candidates, keep, age, datetime.now(UTC))
    for folder in plan.being_written:
        _say(f"stays  {folder.name}  it is in use, or still being written")
    for folder in plan.going:
        _say(f"{'would go' if dry_run else 'goes'}  {folder.name}")
    if not plan.going:
        _say("nothing to remove")
    elif not dry_run and (yes or _confirmed(len(plan.going))):
        freed_bytes = sum(map(folders.size_bytes, plan.going))
        for folder in plan.going:
            pruning.remove(folder)
        _say(f"removed: {len(plan.going)}, which frees {freed_bytes / 2**20:,.1f} MiB")


@commands.command("export")
def export_command(
    run: RunName,
    file_format: Annotated[
        Format,
        typer.Option("--format", help="One JSON document; one tidy CSV table; or OpenMetrics text to back-fill."),
    ] = Format.JSON,
    output: Annotated[Path | None, typer.Option(help="Where to write it; the standard output when not given.")] = None,
    results: Results = RESULTS,
) -> None:
    """Export a run and its course by the second for other tools."""
    from slotrush import export  # noqa: PLC0415  NumPy takes its time, and keeps `--help` waiting

    with closing(reading.open_run(folders.find(run, results))) as connection:
        pieces = export.FORMATS[file_format](connection)
        if output is None:
            sys.stdout.writelines(pieces)
            return
        scratch = output.with_name(output.name + ".part")
        try:
            with scratch.open("w", encoding="utf-8", newline="") as file:
                file.writelines(pieces)
            scratch.replace(output)
        except OSError as error:
            scratch.unlink(missing_ok=True)
            raise BadInputError(
                f"--output {output}", f"it cannot be written ({error.strerror})", "Name another"
            ) from error


def _confirmed(count: int) -> bool:
    """Raises BadInputError when there is nobody to ask."""
    if not sys.stdin.isatty():
        raise BadInputError("runs prune", "there is no terminal to ask at", "Add --yes, or look first with --dry-run")
    return typer.confirm(f"Remove {count} of the runs?")


def _screen() -> Console:
    """The terminal, or, into a pipe or a file, lines as long as they need to be."""
    return console if console.is_terminal else Console(width=max(PIPED_COLUMNS, shutil.get_terminal_size().columns))


def _say(line: str) -> None:
    console.print(line, markup=False, highlight=False, soft_wrap=True)


def _print_json(value: object) -> None:
    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=False) + "\n")
