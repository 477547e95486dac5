"""Commands about versions and their history: hold runs against each other, accept one, and see where it changed."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from slotrush.archive import folders
from slotrush.cli.base import Commands, console
from slotrush.errors import BadInputError

if TYPE_CHECKING:
    from slotrush.compare.reading import Reading

commands = typer.Typer()
baseline = typer.Typer(cls=Commands, no_args_is_help=True, help="Accepted runs, kept with the code.")
commands.add_typer(baseline, name="baseline")

Results = Annotated[Path, typer.Option(help="The folder that holds the runs.")]
Baselines = Annotated[Path, typer.Option(help="The folder that holds the baselines.")]
Side = Annotated[str, typer.Argument(help="A run, a baseline's file, or several of them with commas between.")]
RESULTS = Path("results")
BASELINES = Path("results", "baselines")


@commands.command()
def compare(
    base: Side,
    candidate: Side,
    junit: Annotated[Path | None, typer.Option(help="JUnit XML file to write.")] = None,
    json: Annotated[Path | None, typer.Option(help="JSON file to write.")] = None,
    markdown: Annotated[
        Path | None, typer.Option(help='Markdown file to write, such as "$GITHUB_STEP_SUMMARY".')
    ] = None,
    github: Annotated[bool, typer.Option("--github", help="Print annotations for GitHub Actions.")] = False,
    results: Results = RESULTS,
) -> None:
    """Hold runs against earlier ones of the same scenario: 0 not worse, 1 worse, 3 undecided, 4 invalid."""
    from slotrush.compare.forms import FORMS  # noqa: PLC0415  keeps `--help` quick
    from slotrush.compare.runs import compare_runs  # noqa: PLC0415
    from slotrush.gate.outputs import Outputs, deliver  # noqa: PLC0415

    sides = [sorted(_readings(side, results), key=lambda one: one.started_at) for side in (base, candidate)]
    compared = compare_runs(*sides)
    deliver(compared, FORMS, Outputs(junit, json, markdown, github), console)
    raise typer.Exit(compared.exit_code)


@baseline.command()
def accept(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A run's folder, its id, or `latest`.")],
    baselines: Baselines = BASELINES,
    results: Results = RESULTS,
) -> None:
    """Keep the figures of a whole, clean and valid run as a baseline, to be committed."""
    from slotrush.history.baseline import accept as keep  # noqa: PLC0415
    from slotrush.runs import record  # noqa: PLC0415

    with closing(record.open_finished(folders.find(run, results))) as connection:
        console.print(f"accepted: {keep(connection, baselines)}", markup=False, highlight=False, soft_wrap=True)


@commands.command()
def trend(
    baselines: Baselines = BASELINES,
    html: Annotated[Path, typer.Option(help="Page with the charts to write.")] = RESULTS / "history.html",
) -> None:
    """Show where the figures of the accepted runs changed, and with which commit."""
    from slotrush.history import page  # noqa: PLC0415
    from slotrush.history.baseline import load_all  # noqa: PLC0415
    from slotrush.history.trend import RUNS_MIN, stories  # noqa: PLC0415

    found = stories(load_all(baselines))
    if not found:
        raise BadInputError(f"baselines {baselines}", "there is none", "Accept a run: slotrush baseline accept RUN")
    for story in found:
        _say(f"{story.scenario} on {story.machine}: {len(story.runs)} runs")
        for change in story.changes:
            _say(f"  {'worse ' if change.is_worse else 'better'}  {page.sentence(change)}")
        if len(story.runs) < RUNS_MIN:
            _say(f"  too few to tell: {RUNS_MIN} runs are the least")
        elif not story.changes:
            _say("  no figure has changed")
    try:
        html.parent.mkdir(parents=True, exist_ok=True)
        html.write_text(page.render(found), encoding="utf-8")
    except OSError as error:
        raise BadInputError(f"--html {html}", f"it cannot be written ({error.strerror})", "Name another") from error
    _say(f"charts: {html}")


def _readings(side: str, results: Path) -> Iterator["Reading"]:
    """Of runs and baselines, named with commas between. Raises BadInputError."""
    from slotrush import slo  # noqa: PLC0415
    from slotrush.compare.reading import read  # noqa: PLC0415
    from slotrush.history.baseline import load  # noqa: PLC0415
    from slotrush.runs import record  # noqa: PLC0415

    objectives = slo.load()
    for name in side.split(","):
        if name.endswith(".json"):
            yield load(Path(name))
        else:
            with closing(record.open_finished(folders.find(name, results))) as connection:
                yield read(connection, objectives)


def _say(line: str) -> None:
    console.print(line, markup=False, highlight=False, soft_wrap=True)
