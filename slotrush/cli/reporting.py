"""The command that reports: on one run, or on capacity, from whatever of sweep, plan, scale check and runs there is."""

from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from slotrush import run as running
from slotrush.cli.base import console, run_path
from slotrush.cli.judging import conclude
from slotrush.errors import BadInputError
from slotrush.report.files import Format, file_names

commands = typer.Typer()


class Language(StrEnum):
    EN = "en"
    PT_BR = "pt-BR"


@commands.command()
def report(
    things: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="RUN...",
            help="One run, by its folder, its id under results/ or `latest`, for its own report. Or, for a report on"
            " capacity, any of: a sweep's folder, the JSON of a plan, a scale check's folder, runs.",
        ),
    ] = None,
    sweep: Annotated[Path | None, typer.Option(help="A sweep's folder.")] = None,
    plan: Annotated[Path | None, typer.Option(help="The JSON of a plan.")] = None,
    scale_check: Annotated[Path | None, typer.Option(help="A scale check's folder, or its JSON.")] = None,
    lang: Annotated[Language | None, typer.Option(help="One language; both when not given.")] = None,
    file_format: Annotated[
        Format, typer.Option("--format", help="A page, or A4 paper, which needs playwright and a Chromium.")
    ] = Format.HTML,
    output: Annotated[
        Path | None, typer.Option(help="Where to write it; beside what is reported on when not given.")
    ] = None,
) -> None:
    """Write the report of a run again, or one on capacity: how many patients, with what margin, at what cost."""
    from slotrush import capacity_report  # noqa: PLC0415  keeps `--help` quick
    from slotrush.capacity_report import material  # noqa: PLC0415
    from slotrush.report import elsewhere  # noqa: PLC0415

    given = things or []
    if len(given) == 1 and not (sweep or plan or scale_check) and not material.is_for_capacity(given[0]):
        ran = _concluded(run_path(str(given[0])))
        if (lang, file_format, output) != (None, Format.HTML, None):
            outputs = _outputs(output or ran.folder / f"report.{file_format}", lang)
            _say(elsewhere.write(ran.folder, outputs, file_format))
        conclude(ran)
    found = material.read(given, sweep=sweep, plan=plan, scale_check=scale_check)
    outputs = _outputs(output or found.home / f"{capacity_report.NAME}.{file_format}", lang)
    _say(capacity_report.write(found, outputs, file_format, datetime.now(UTC).date()))


def _concluded(run: Path) -> running.Ran:
    """The run, its summary and its reports written again. Raises BadInputError."""
    from slotrush.runs import record  # noqa: PLC0415

    record.open_record(run).close()
    if not run.is_dir() and run.name != record.RECORD_NAME:
        raise BadInputError(f"run {run}", f"its name is not {record.RECORD_NAME}", "Name the run's folder")
    run_dir = run if run.is_dir() else run.parent
    return running.conclude(run_dir, lambda step: console.print(step, highlight=False))


def _outputs(output: Path, lang: Language | None) -> dict[str, Path]:
    """The files by language: of one, the file itself."""
    return file_names(output) if lang is None else {str(lang): output}


def _say(files: list[Path]) -> None:
    for file in files:
        console.print(f"  {file}", highlight=False, soft_wrap=True)
