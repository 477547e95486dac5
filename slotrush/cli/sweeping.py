"""The command that measures how capacity grows with replicas."""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from slotrush import errors
from slotrush.cli.base import Proxies, Seed, complaints, console
from slotrush.errors import BadInputError
from slotrush.stack.quota import parse_cpu_m

if TYPE_CHECKING:
    from slotrush.capacity.scaling import Form
    from slotrush.sweep import model

commands = typer.Typer()
NO_QUOTA = "none"
MORE = ("tests_max", "rounds", "tolerance")
"""What may be asked anew of a sweep that was begun: it makes what was measured no less comparable with the rest."""


@commands.command("sweep")
def sweep_command(
    context: typer.Context,
    replicas: Annotated[str, typer.Option(help="Numbers of replicas to measure, separated by commas.")] = "1,2,3,4,6,8",
    cpu: Annotated[
        str,
        typer.Option("--cpu", help="CPU of each replica, as in a pod's limits; none is without, and without a law."),
    ] = "60m",
    probe_s: Annotated[float, typer.Option(help="How long each rate is tried, in seconds.")] = 40.0,
    tolerance: Annotated[float, typer.Option(help="Half of the 95 % interval of each limit, as a share.")] = 0.05,
    tests_max: Annotated[int, typer.Option("--tests", help="Rates to try for each number of replicas, at most.")] = 12,
    rounds: Annotated[
        int, typer.Option(help="In so many rounds over all numbers of replicas, so that a slow quarter hits all alike.")
    ] = 3,
    seed: Seed = 1,
    law: Annotated[
        str, typer.Option(help="Form of the law that predicts: amdahl (contention) or universal (coherency too).")
    ] = "amdahl",
    workers: Annotated[int, typer.Option(help="Processes of the load generator.")] = 2,
    proxies: Proxies = 2,
    slo: Annotated[Path | None, typer.Option(help="YAML file with the objectives; slotrush's own by default.")] = None,
    results: Annotated[Path, typer.Option(help="Where the sweep's folder is made.")] = Path("results"),
    resume: Annotated[
        Path | None,
        typer.Option(
            help="Go on with the sweep in this folder, as it was begun; --tests, --rounds and --tolerance may ask more."
        ),
    ] = None,
) -> None:
    """Find the highest rate of arrivals that meets the objectives, for each number of replicas; fit the scaling law."""
    from slotrush.sweep import limits, model, pace, showing, sweeping  # noqa: PLC0415  keeps `--help` quick

    if resume is None:
        settings = model.Settings(
            replicas=_numbers(replicas),
            cpu_quota_m=None if cpu == NO_QUOTA else parse_cpu_m(cpu),
            probe_s=probe_s,
            tolerance=tolerance,
            tests_max=tests_max,
            rounds=rounds,
            seed=seed,
            workers=workers,
            proxies=proxies,
            slo=None if slo is None else str(slo),
            law=_form(law),
        )
        state = sweeping.begin(settings)
        folder = results / state.sweep_id
    else:
        more = _asked_anew(context)
        state, folder = model.load(resume).asking(**more), resume if resume.is_dir() else resume.parent
        sweeping.check(state.settings)
    try:
        with showing.progress(console) as tell:
            level = pace.levelled(sweeping.sweep(state, folder, tell))
    except (KeyboardInterrupt, errors.StackError):
        complaints.print(f"what was measured is kept; go on with: slotrush sweep --resume {folder}", soft_wrap=True)
        raise
    objectives = level.settings.objectives()
    found = limits.found(level, objectives)
    console.print()
    console.print(showing.table(found), highlight=False)
    lines = ["", *showing.conclusion(found, objectives), "", f"  {folder / model.FILE_NAME}"]
    console.print("\n".join(lines), highlight=False, soft_wrap=True)
    raise typer.Exit(_exit_code(found))


def _asked_anew(context: typer.Context) -> dict[str, Any]:
    """What was typed beside --resume. Raises BadInputError for an option that a sweep cannot change on its way."""
    more: dict[str, Any] = {}
    for parameter in context.command.params:
        name = parameter.name or ""
        source = context.get_parameter_source(name)
        if source is None or source.name != "COMMANDLINE":
            continue
        if name in MORE:
            more[name] = context.params[name]
        elif name != "resume":
            raise BadInputError(
                f"{parameter.opts[0]} beside --resume",
                "a sweep goes on as it was begun, or its swarms could not be compared",
                "Leave it out, or begin a new sweep",
            )
    return more


def _exit_code(state: "model.Sweep") -> int:
    """1 when an audit found a promise broken, 3 when a limit was not found or a swarm not audited."""
    if any(not audited.clean for point in state.points for audited in point.audits):
        return errors.EXIT_FAILED
    if any(point.unaudited for point in state.points):
        return errors.EXIT_UNDECIDED
    found = all(point.rate_per_s.low > 0 and math.isfinite(point.rate_per_s.high) for point in state.points)
    return errors.EXIT_OK if found else errors.EXIT_UNDECIDED


def _form(text: str) -> "Form":
    from slotrush.capacity.scaling import Form  # noqa: PLC0415

    try:
        return Form(text)
    except ValueError:
        raise BadInputError(f"--law {text}", "it is no form of a scaling law", f"Use {' or '.join(Form)}") from None


def _numbers(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(number) for number in text.split(","))
    except ValueError:
        raise BadInputError(f"--replicas {text}", "it is no list of numbers", "Write it as 1,2,3,4,6,8") from None
