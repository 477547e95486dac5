"""The command that turns a sweep into a plan."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from slotrush import errors
from slotrush.cli.base import console
from slotrush.errors import BadInputError

commands = typer.Typer()


@commands.command("plan")
def plan_command(
    sweep: Annotated[
        Path | None,
        typer.Argument(help="A sweep's folder or its sweep.json; the newest under the results when not given."),
    ] = None,
    patients: Annotated[int | None, typer.Option(help="Patients at the peak, all at once.")] = None,
    think_time_s: Annotated[
        float, typer.Option("--think-time-s", help="Seconds between an answer and the patient's next request.")
    ] = 20.0,
    arrivals_per_s: Annotated[
        float | None, typer.Option("--arrivals-per-s", help="Instead of patients: requests per second at the peak.")
    ] = None,
    headroom: Annotated[float, typer.Option(help="Capacity to spare, as a share of the demand.")] = 0.3,
    failures: Annotated[int, typer.Option(help="Replicas (and proxies, poolers, databases) that may fail.")] = 1,
    quiet_share: Annotated[
        float,
        typer.Option(help="Load of a quiet hour, which the autoscaler's minimum carries, as a share."),
    ] = 0.1,
    peak_hours: Annotated[
        float, typer.Option(help="Hours a month at the peak, for the cost with the autoscaler.")
    ] = 60.0,
    database_cpu: Annotated[str, typer.Option(help="CPU that PostgreSQL may grow to, as in its pod's limits.")] = "4",
    database_connections: Annotated[int, typer.Option(help="Connections that PostgreSQL allows.")] = 200,
    prices: Annotated[Path | None, typer.Option(help="TOML file with prices; dated examples by default.")] = None,
    patch: Annotated[Path | None, typer.Option(help="Folder for a Kustomize component and the autoscaler.")] = None,
    json: Annotated[Path | None, typer.Option(help="JSON file to write, which `slotrush report` reads.")] = None,
    results: Annotated[Path, typer.Option(help="Where the newest sweep is looked for.")] = Path("results"),
) -> None:
    """From a sweep to replicas, autoscaler, connections and cost for a demand. Ends with 1 if it does not hold."""
    from slotrush.capacity.planning import Policy  # noqa: PLC0415
    from slotrush.capacity.prices import EXAMPLE_PRICES, read_prices  # noqa: PLC0415
    from slotrush.plan import making, showing  # noqa: PLC0415
    from slotrush.plan.measured import Database  # noqa: PLC0415
    from slotrush.plan.patch import files  # noqa: PLC0415
    from slotrush.stack.quota import parse_cpu_m  # noqa: PLC0415
    from slotrush.sweep import limits, model, pace  # noqa: PLC0415

    asked = making.Asked(
        patients=patients,
        think_time_s=think_time_s,
        arrivals_per_s=arrivals_per_s,
        policy=Policy(headroom, failures, quiet_share),
        peak_hours=peak_hours,
        database=Database(parse_cpu_m(database_cpu), database_connections),
    )
    asked.demand()
    offers = read_prices(prices or EXAMPLE_PRICES)
    told = pace.levelled(model.load(sweep or model.newest(results)))
    objectives = told.settings.objectives()
    document = making.make(limits.found(told, objectives), asked, offers, objectives, datetime.now(UTC).date())
    for part in showing.render(document):
        console.print(part)
    if json is not None:
        _write({json: document.to_json()}, f"--json {json}")
    if patch is not None:
        _write({patch / name: text for name, text in files(document).items()}, f"--patch {patch}")
    raise typer.Exit(errors.EXIT_OK if document.answer.holds else errors.EXIT_FAILED)


def _write(texts: dict[Path, str], option: str) -> None:
    for path, text in texts.items():
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        except OSError as error:
            raise BadInputError(option, f"{path} cannot be written ({error.strerror})", "Name another") from error
        console.print(f"  {path}", highlight=False, soft_wrap=True)
