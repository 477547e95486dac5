"""The command that breaks parts of the system under load, and says whether it was back in time with nothing lost."""

import json
from contextlib import closing
from pathlib import Path
from typing import Annotated, Any

import typer

from slotrush.cli.base import Cpu, Port, Proxies, Replicas, Seed, console, write
from slotrush.cli.racing import DEFAULTS, Results, Workers, played, seconds
from slotrush.errors import BadInputError
from slotrush.stack.quota import parse_cpu_m

commands = typer.Typer()
ARRIVALS = "poisson:60"
"""Many enough for shares of them to mean something, and few enough for half of the replicas to answer them."""


@commands.command("chaos")
def chaos_command(
    scenario: Annotated[
        str | None, typer.Argument(metavar="SCENARIO", help="As for slotrush swarm; none lists the faults.")
    ] = None,
    fault: Annotated[
        list[str] | None,
        typer.Option(
            "--fault", help="kill-replica@10s into the load; without a time: after the one before. Repeat it."
        ),
    ] = None,
    random: Annotated[int, typer.Option("--random", help="So many faults of any kind, by --seed, one at a time.")] = 0,
    users: Annotated[int | None, typer.Option("--users", "-u", help="Users at once.")] = None,
    run_time: Annotated[
        str | None, typer.Option("--run-time", "-t", help="Of the load; as long as the faults need by default.")
    ] = None,
    arrivals: Annotated[
        str | None, typer.Option(help=f"As for slotrush swarm; {ARRIVALS} by default for an open scenario.")
    ] = None,
    doctors: Annotated[int | None, typer.Option(help="Doctors of the system.")] = None,
    slots: Annotated[int | None, typer.Option(help="Slots.")] = None,
    seed: Seed = DEFAULTS.seed,
    workers: Workers = DEFAULTS.workers,
    replicas: Replicas = DEFAULTS.replicas,
    cpu: Cpu = None,
    proxies: Proxies = DEFAULTS.proxies,
    port: Port = None,
    results: Results = DEFAULTS.results,
    json_file: Annotated[Path | None, typer.Option("--json", help="JSON file to write.")] = None,
) -> None:
    """Break parts of a whole stack under load: is it back in time, and is nothing lost?

    0 it is, 1 it is not, 3 undecided, 4 the load generator spoiled the run.
    """
    from slotrush import run  # noqa: PLC0415  keeps `--help` quick
    from slotrush.chaos import catalogue, outcome, showing  # noqa: PLC0415
    from slotrush.runs import record  # noqa: PLC0415

    if scenario is None:
        console.print(showing.listing())
        return
    if bool(fault) == bool(random):
        raise BadInputError(
            "slotrush chaos", "it does either the faults named or random ones", "Add --fault or --random"
        )
    planned = catalogue.parse(fault) if fault else catalogue.draw(catalogue.possible(), random, seed, workers)
    named = {"users": users, "arrivals": arrivals, "doctors": doctors, "slots": slots}
    asked: dict[str, Any] = {name: value for name, value in named.items() if value is not None}
    if run_time is not None:
        asked["run_time_s"] = seconds(run_time)
    model = played(scenario, asked).model
    if model != "drop":
        asked.setdefault("run_time_s", catalogue.load_s(planned))
    if model == "open":
        asked.setdefault("arrivals", ARRIVALS)
    options = run.RunOptions(
        scenario=scenario,
        plays=played(scenario, asked),
        results=results,
        seed=seed,
        workers=workers,
        replicas=replicas,
        cpu_quota_m=None if cpu is None else parse_cpu_m(cpu),
        proxies=proxies,
        port=port,
        faults=planned,
    )
    run_dir, summary = run.run(options, console)
    with closing(record.open_finished(run_dir)) as connection:
        found = outcome.read(connection)
    judged = showing.judge(planned, found, showing.unexplained(summary.incomplete, planned), showing.spoiled(summary))
    console.print()
    console.print(showing.table(found.episodes))
    console.print("\n".join(["", *showing.lines(found, judged), "", f"  {run_dir}"]), highlight=False, soft_wrap=True)
    if json_file is not None:
        verdict = {"run_id": run_dir.name, "exit_code": judged.exit_code, "reasons": judged.reasons}
        write(json_file, json.dumps(verdict | found.as_meta(), indent=2) + "\n", "--json")
    raise typer.Exit(judged.exit_code)
