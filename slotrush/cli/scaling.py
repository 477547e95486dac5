"""Commands about replicas that follow the load: simulated, here, and in a cluster."""

import math
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from slotrush import REPOSITORY, errors
from slotrush.cli.base import Proxies, Seed, console, run_path, write
from slotrush.errors import BadInputError

if TYPE_CHECKING:
    from slotrush.cluster import Question
    from slotrush.run import RunOptions
    from slotrush.scaling.demands import Demands
    from slotrush.slo import Objectives

commands = typer.Typer()
HPA: Path = REPOSITORY / "k8s" / "base" / "hpa.yaml"
APP: Path = REPOSITORY / "k8s" / "base" / "app.yaml"

HERE, CLUSTER = "On this machine", "Of a cluster"
SPAWN_RATE_PER_S = 40
"""Users who connect before the load, slowly: two small replicas have to bear it, and the autoscaler waits."""

HpaFile = Annotated[
    Path, typer.Option(help="Manifest with the HorizontalPodAutoscaler.", show_default="k8s/base/hpa.yaml")
]
Slo = Annotated[Path | None, typer.Option(help="YAML file with the objectives; slotrush's own by default.")]
Json = Annotated[Path | None, typer.Option(help="JSON file to write.")]


@commands.command("simulate")
def simulate_command(
    patients: Annotated[str, typer.Option(help="How many come; several numbers are separated by commas.")] = "20000",
    within_s: Annotated[float, typer.Option(help="They come within so many seconds.")] = 60.0,
    requests: Annotated[
        float | None, typer.Option(help="Requests of each patient; by default as many as in the run of --from.")
    ] = None,
    think_time_s: Annotated[float, typer.Option(help="Mean seconds before each of them but the first.")] = 5.0,
    source: Annotated[
        str | None,
        typer.Option("--from", help="The run or sweep that says what requests cost: folder, id or `latest`."),
    ] = None,
    cpu_ms: Annotated[float | None, typer.Option(help="Or: CPU milliseconds of a request in a replica.")] = None,
    database_ms: Annotated[float, typer.Option(help="With it: milliseconds of a request in the database.")] = 0.0,
    hpa_file: HpaFile = HPA,
    deployment_file: Annotated[
        Path,
        typer.Option(
            help="Manifest with the Deployment: CPU request and limit of a replica.", show_default="k8s/base/app.yaml"
        ),
    ] = APP,
    replicas: Annotated[
        int | None, typer.Option(help="That stand ready at first; the manifest's minimum if not given.")
    ] = None,
    database_cores: Annotated[
        int | None, typer.Option(min=1, help="Of the database; without, it is never what limits.")
    ] = None,
    start_s: Annotated[float, typer.Option(help="From a pod that is scheduled to one that is ready.")] = 8.0,
    seed: Seed = 1,
    slo: Slo = None,
    json: Json = None,
    chart: Annotated[Path | None, typer.Option(help="SVG file to write.")] = None,
) -> None:
    """Do the objectives hold when so many patients come at once, with this autoscaler? 0 they do, 1 they do not."""
    from slotrush.scaling import charts, simulating, systems, tables  # noqa: PLC0415  keeps `--help` quick
    from slotrush.slo import load  # noqa: PLC0415

    objectives = load(slo)
    demands = _demands(source, cpu_ms, database_ms, objectives)
    if not 0 <= start_s <= 3600:
        raise BadInputError(f"--start-s {start_s:g}", "it must be from 0 s to an hour", "Give another number")
    system = systems.of_manifests(hpa_file, deployment_file, replicas, start_s, database_cores, demands)
    each = demands.requests_per_arrival if requests is None else requests
    answers = [
        simulating.answer(
            simulating.Rush(count, within_s, max(each, 1.0) if requests is None else each, think_time_s),
            system,
            demands,
            objectives,
            seed,
        )
        for count in _numbers("--patients", patients)
    ]
    console.print(tables.assumptions(demands, system), style="dim", highlight=False)
    console.print(tables.table(answers), highlight=False)
    if json is not None:
        write(json, simulating.as_json(answers, system, demands, seed), "--json")
    if chart is not None:
        write(chart, charts.of_answers(answers), "--chart")
    raise typer.Exit(errors.EXIT_OK if all(one.holds for one in answers) else errors.EXIT_FAILED)


@commands.command("scale-check")
def scale_check_command(
    what: Annotated[
        str | None,
        typer.Argument(
            metavar="SCENARIO|RUN",
            help="An open scenario, to be played here; with --prometheus the run to judge: folder, id, `latest`.",
        ),
    ] = None,
    arrivals: Annotated[
        str | None,
        typer.Option(
            help="poisson:20@30s,poisson:20..120@30s …; the scenario's own if not given.", rich_help_panel=HERE
        ),
    ] = None,
    users: Annotated[
        int, typer.Option("--users", "-u", help="So many can be busy at once.", rich_help_panel=HERE)
    ] = 600,
    hpa_file: HpaFile = HPA,
    cpu: Annotated[
        str, typer.Option("--cpu", help="CPU request and limit of each replica, as in a pod.", rich_help_panel=HERE)
    ] = "60m",
    replicas_max: Annotated[
        int, typer.Option(help="Replicas that this machine has room for.", rich_help_panel=HERE)
    ] = 8,
    compression: Annotated[
        float,
        typer.Option(
            help="The autoscaler's clock is so many times as fast as the manifest says.", rich_help_panel=HERE
        ),
    ] = 10.0,
    source: Annotated[
        str | None,
        typer.Option(
            "--from",
            help="The run or sweep that says what requests cost; else the check's own record.",
            rich_help_panel=HERE,
        ),
    ] = None,
    seed: Seed = 1,
    workers: Annotated[int, typer.Option(help="Processes of the load generator.", rich_help_panel=HERE)] = 2,
    proxies: Proxies = 2,
    results: Annotated[Path, typer.Option(help="Where the run's folder is made.", rich_help_panel=HERE)] = Path(
        "results"
    ),
    prometheus: Annotated[
        str | None,
        typer.Option(
            help="The URL of its Prometheus: a cluster is judged, nothing is played.", rich_help_panel=CLUSTER
        ),
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(help="Without a run: where the window begins, 2026-11-21T15:00:00Z.", rich_help_panel=CLUSTER),
    ] = None,
    until: Annotated[str | None, typer.Option(help="Without a run: where it ends.", rich_help_panel=CLUSTER)] = None,
    namespace: Annotated[
        str, typer.Option(help="The booking system's namespace.", rich_help_panel=CLUSTER)
    ] = "booking",
    hpa: Annotated[
        str, typer.Option(help="The autoscaler's name, which its Deployment shares.", rich_help_panel=CLUSTER)
    ] = "app",
    slo: Slo = None,
    json: Json = None,
) -> None:
    """Do replicas follow the load, and the objectives hold meanwhile? On this machine, or in a cluster.

    0 passed, 1 failed, 3 undecided, 4 invalid.
    """
    from slotrush.elasticity import showing  # noqa: PLC0415  keeps `--help` quick
    from slotrush.elasticity.check import FILE_NAME  # noqa: PLC0415
    from slotrush.gate.verdict import EXIT_CODES  # noqa: PLC0415
    from slotrush.slo import load  # noqa: PLC0415

    if prometheus is not None:
        from slotrush import cluster  # noqa: PLC0415

        question = _of_run(what, namespace, hpa) if what is not None else _of_times(since, until, namespace, hpa)
        found, judged = cluster.check(cluster.Prometheus(prometheus), question, load(slo))
        subject = f"{hpa} in {namespace}, {question}, by the replicas' own counters"
        folder = None
    elif since is not None or until is not None:
        raise BadInputError("--since and --until", "they say nothing without --prometheus", "Name a Prometheus")
    else:
        from slotrush.scaling import checking  # noqa: PLC0415

        options = _options(what, arrivals, users, cpu, seed, workers, proxies, results)
        calibrated_from = None if source is None else run_path(source)
        settings = checking.Settings(hpa_file, replicas_max, compression, calibrated_from)
        folder, found, judged = checking.check(options, settings, load(slo), console)
        subject = (
            f"{found.scenario}, run {found.run}, replicas of {options.cpu_quota_m}m, by autoscaler {found.autoscaler}"
            f" on a clock {compression:g} times as fast"
        )
    for part in showing.render(found, judged, subject):
        console.print(part)
    if folder is not None:
        for name in (FILE_NAME, checking.CHART_NAME):
            console.print(f"  {folder / name}", highlight=False, soft_wrap=True)
    if json is not None:
        write(json, found.to_json(), "--json")
    raise typer.Exit(EXIT_CODES[found.outcome])


def _options(
    scenario: str | None,
    arrivals: str | None,
    users: int,
    cpu: str,
    seed: int,
    workers: int,
    proxies: int,
    results: Path,
) -> "RunOptions":
    """The run of a check on this machine. Raises BadInputError."""
    from slotrush.run import RunOptions  # noqa: PLC0415
    from slotrush.stack.quota import parse_cpu_m  # noqa: PLC0415
    from slotrush.swarm.load import parse_arrivals  # noqa: PLC0415
    from slotrush.swarm.scenario import find  # noqa: PLC0415

    if scenario is None:
        mend = "Name an open scenario, such as spike; for a cluster, --prometheus URL"
        raise BadInputError("scale-check", "it is not said what is played", mend)
    plays = replace(find(scenario), users=users)
    if arrivals is not None:
        lasts_s = parse_arrivals(arrivals, None).duration_s
        plays = replace(plays, arrivals=arrivals, run_time_s=plays.run_time_s if math.isinf(lasts_s) else lasts_s)
    return RunOptions(
        scenario=scenario,
        plays=plays,
        results=results,
        seed=seed,
        spawn_rate_per_s=SPAWN_RATE_PER_S,
        workers=workers,
        cpu_quota_m=parse_cpu_m(cpu),
        proxies=proxies,
    )


def _demands(source: str | None, cpu_ms: float | None, database_ms: float, objectives: "Objectives") -> "Demands":
    from slotrush.scaling import demands  # noqa: PLC0415

    if (source is None) == (cpu_ms is None):
        mend = "Name a run or a sweep with --from, or say --cpu-ms"
        raise BadInputError("simulate", "it must be said once what a request costs", mend)
    if cpu_ms is not None:
        return demands.given(cpu_ms / 1000, database_ms / 1000)
    assert source is not None
    return demands.measured(run_path(source), objectives)


def _numbers(option: str, text: str) -> list[int]:
    try:
        return [int(number) for number in text.replace("_", "").split(",")]
    except ValueError:
        mend = "Write it as 20000 or as 20000,200000"
        raise BadInputError(f"{option} {text}", "it is no list of whole numbers", mend) from None


def _of_run(run: str, namespace: str, hpa: str) -> "Question":
    """The window that the gate would judge, of the run's scenario."""
    from slotrush.cluster import Question  # noqa: PLC0415
    from slotrush.gate.window import choose  # noqa: PLC0415
    from slotrush.runs import record  # noqa: PLC0415

    with closing(record.open_finished(run_path(run))) as connection:
        last_answer_s = connection.execute("SELECT max(second) FROM latency").fetchone()[0]
        window = choose(record.event_times(connection), last_answer_s)
        meta = record.get_meta(connection)
    if isinstance(window, str):
        raise BadInputError(f"run {run}", window, "Judge a run that went on for longer, or give --since and --until")
    return Question(
        namespace, hpa, window.first_s, window.last_s + 1, meta.get("scenario"), window.stages, meta.get("run_id")
    )


def _of_times(since: str | None, until: str | None, namespace: str, hpa: str) -> "Question":
    from slotrush.cluster import Question  # noqa: PLC0415

    if since is None or until is None:
        raise BadInputError("scale-check", "it is not said which time is judged", "Name a RUN, or --since and --until")
    return Question(namespace, hpa, _moment("--since", since), _moment("--until", until))


def _moment(option: str, text: str) -> float:
    """Unix seconds; a time without a zone is UTC's."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise BadInputError(f"{option} {text}", "it is no time", "Write it as 2026-11-21T15:00:00Z") from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
