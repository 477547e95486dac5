"""Commands that run a swarm, and that say whether this machine can."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from slotrush import machine, run
from slotrush.cli.base import Cpu, DatabaseUrl, Doctors, Patients, Port, Proxies, RedisUrl, Replicas, Seed, console
from slotrush.cli.judging import conclude
from slotrush.errors import BadInputError
from slotrush.stack.quota import parse_cpu_m
from slotrush.swarm.own_file import scenario_of
from slotrush.swarm.scenario import SCENARIOS, Scenario, locustfile

commands = typer.Typer()
RACE = SCENARIOS["race"]
DEFAULTS = run.RunOptions("race", RACE)
RACE_REPLICAS = max(machine.cores() // 2, 1)
"""The other half of the cores is for all else. On two cores a second replica makes the drain longer: processes take
turns more often, and each replica reads the agendas and checks the tokens for itself."""

Workers = Annotated[int, typer.Option(help="Processes of the load generator.")]
Host = Annotated[str | None, typer.Option(help="A target that runs already; needs --sessions.")]
Sessions = Annotated[Path | None, typer.Option(help="JSON file with the sessions of the target's people.")]
AllowList = Annotated[
    Path | None, typer.Option(help="targets.toml: the servers that you may load, other than this machine.")
]
Adapter = Annotated[
    str | None, typer.Option(envvar="SLOTRUSH_ADAPTER", help="file.py:Class that speaks your system's API.")
]
AbortOnFail = Annotated[
    bool, typer.Option("--abort-on-fail", help="End the run as soon as an objective is beyond saving: exit code 1.")
]
Slo = Annotated[
    Path | None, typer.Option(help="YAML file with the objectives for --abort-on-fail; slotrush's own by default.")
]
Results = Annotated[Path, typer.Option(help="Where the run's folder is made.")]


@commands.command("race")
def race_command(
    patients: Patients = RACE.users,
    slots: Annotated[int, typer.Option(help="Slots that are published at the drop.")] = RACE.slots,
    doctors: Doctors = RACE.doctors,
    drop_window_s: Annotated[
        float, typer.Option(help="Patients begin within so many seconds after the drop.")
    ] = RACE.drop_window_s,
    seed: Seed = DEFAULTS.seed,
    workers: Workers = DEFAULTS.workers,
    replicas: Replicas = RACE_REPLICAS,
    cpu: Cpu = None,
    proxies: Proxies = DEFAULTS.proxies,
    port: Port = None,
    database_url: DatabaseUrl = None,
    redis_url: RedisUrl = None,
    host: Host = None,
    sessions: Sessions = None,
    adapter: Adapter = None,
    allow_list: AllowList = None,
    floor: Annotated[bool, typer.Option(help="Measure the floor, which the drain is compared with.")] = True,
    abort_on_fail: AbortOnFail = False,
    slo: Slo = None,
    results: Results = DEFAULTS.results,
) -> None:
    """Run the race: a whole stack, patients who go for the same slots at once, an audit, a report."""
    plays = replace(RACE, users=patients, slots=slots, doctors=doctors, drop_window_s=drop_window_s)
    options = run.RunOptions(
        scenario=RACE.name,
        plays=plays,
        results=results,
        seed=seed,
        workers=workers,
        replicas=replicas,
        cpu_quota_m=None if cpu is None else parse_cpu_m(cpu),
        proxies=proxies,
        port=port,
        database_url=database_url or None,
        redis_url=redis_url or None,
        host=host,
        sessions=sessions,
        adapter=adapter,
        allow_list=allow_list,
        abort_on_fail=abort_on_fail,
        slo=slo,
        floor=floor,
    )
    conclude(run.run(options, console))


@commands.command("swarm")
def swarm_command(
    scenario: Annotated[
        str | None, typer.Argument(metavar="NAME", help="A scenario, or the path of a locustfile; none lists them.")
    ] = None,
    users: Annotated[int | None, typer.Option("--users", "-u", help="Users at once, as Locust has them.")] = None,
    spawn_rate: Annotated[
        int, typer.Option("--spawn-rate", "-r", help="Users who connect per second, before the start.")
    ] = DEFAULTS.spawn_rate_per_s,
    run_time: Annotated[
        str | None, typer.Option("--run-time", "-t", help="From the start of everyone: 90, 90s, 5m, 1h30m.")
    ] = None,
    model: Annotated[str | None, typer.Option(help="closed (think times) or open (arrivals).")] = None,
    think_time: Annotated[str | None, typer.Option(help="exponential:20, lognormal:20,0.5, constant:20, none.")] = None,
    arrivals: Annotated[
        str | None, typer.Option(help="poisson:100@60s,constant:50..200@2m, day:200, trace:FILE.csv …")
    ] = None,
    doctors: Annotated[int | None, typer.Option(help="Doctors of the system.")] = None,
    slots: Annotated[int | None, typer.Option(help="Slots: published at the drop, or there beforehand.")] = None,
    drop_window_s: Annotated[float | None, typer.Option(help="Of a drop: everyone begins within so long.")] = None,
    tags: Annotated[str, typer.Option(help="Only the tasks with one of these tags, separated by commas.")] = "",
    seed: Seed = DEFAULTS.seed,
    workers: Workers = DEFAULTS.workers,
    replicas: Replicas = DEFAULTS.replicas,
    cpu: Cpu = None,
    proxies: Proxies = DEFAULTS.proxies,
    port: Port = None,
    headless: Annotated[
        bool, typer.Option("--headless", help="Without Locust's page, as it is unless --web-port asks for it.")
    ] = False,
    web_port: Annotated[int | None, typer.Option(help="Show Locust's own page on this port.")] = None,
    metrics_port: Annotated[int | None, typer.Option(help="Serve slotrush_* for Prometheus; 0 is any port.")] = None,
    metrics_address: Annotated[
        str, typer.Option(help="The address of that port; 0.0.0.0 for a Prometheus on another host or in a container.")
    ] = DEFAULTS.metrics_address,
    database_url: DatabaseUrl = None,
    redis_url: RedisUrl = None,
    host: Host = None,
    sessions: Sessions = None,
    adapter: Adapter = None,
    allow_list: AllowList = None,
    abort_on_fail: AbortOnFail = False,
    slo: Slo = None,
    results: Results = DEFAULTS.results,
) -> None:
    """Run a scenario against a whole stack, or against a system that runs already; audit it, and report."""
    if scenario is None:
        _list_scenarios()
        return
    if headless and web_port is not None:
        raise BadInputError(f"--web-port {web_port}", "--headless is without a page", "Leave one of them out")
    asked: dict[str, Any] = {
        "users": users,
        "run_time_s": None if run_time is None else seconds(run_time),
        "model": model,
        "think": think_time,
        "arrivals": arrivals,
        "doctors": doctors,
        "slots": slots,
        "drop_window_s": drop_window_s,
    }
    options = run.RunOptions(
        scenario=scenario,
        plays=played(scenario, {name: value for name, value in asked.items() if value is not None}),
        results=results,
        seed=seed,
        spawn_rate_per_s=spawn_rate,
        workers=workers,
        replicas=replicas,
        cpu_quota_m=None if cpu is None else parse_cpu_m(cpu),
        proxies=proxies,
        port=port,
        web_port=web_port,
        metrics_port=metrics_port,
        metrics_address=metrics_address,
        database_url=database_url or None,
        redis_url=redis_url or None,
        host=host,
        sessions=sessions,
        adapter=adapter,
        allow_list=allow_list,
        abort_on_fail=abort_on_fail,
        slo=slo,
        tags=tuple(filter(None, tags.split(","))),
    )
    conclude(run.run(options, console))


@commands.command()
def limits(
    patients: Annotated[int, typer.Option(help="Patients to check the machine's limits for.")] = RACE.users,
    workers: Workers = DEFAULTS.workers,
    replicas: Replicas = RACE_REPLICAS,
    proxies: Proxies = DEFAULTS.proxies,
) -> None:
    """Check this machine's limits, and measure the floor: the least CPU that a booking attempt can cost."""
    from slotrush import limits as machine_limits  # noqa: PLC0415
    from slotrush.floor import bench  # noqa: PLC0415

    found = machine_limits.check(patients, workers, proxies, replicas)
    left = found.memory_left_bytes
    console.print(
        f"{patients:,} patients are within this machine's limits: {found.open_files_hard:,} open files per process,"
        f" {found.ports:,} local ports, {'unlimited' if left is None else f'{left / 2**30:.1f} GiB of'} memory",
        highlight=False,
    )
    measured = bench.measure_alone(lambda step: console.print(step, style="dim", highlight=False))
    console.print("\n".join(bench.in_words(measured, patients)), highlight=False)


def played(name: str, asked: dict[str, Any]) -> Scenario:
    """The scenario with what was asked for in place of its own. Raises BadInputError for what it does not have."""
    file = locustfile(name)
    own = SCENARIOS.get(name) or scenario_of(file)
    model = asked.get("model", own.model)
    known = {"closed", "open"} if own.model != "drop" else {"drop"}
    if model not in known:
        raise BadInputError(f"--model {model}", f"{name} knows {' and '.join(sorted(known))}", "Use one of these")
    foreign = {"think", "arrivals", "run_time_s"} if own.model == "drop" else {"drop_window_s"}
    for option in sorted(foreign & asked.keys()):
        flag = {"think": "think-time", "run_time_s": "run-time"}.get(option, option.replace("_", "-"))
        raise BadInputError(f"--{flag}", f"{name} is a {own.model} scenario and has none", "Leave it out")
    if "arrivals" in asked and model == "closed" and name in SCENARIOS:
        raise BadInputError("--arrivals", f"the users of {name} think, and wait for no arrival", "Add --model open")
    return replace(own, **asked)


def seconds(text: str) -> float:
    """A time as Locust takes it: 90, 90s, 3m, 1h30m. Raises BadInputError."""
    match = re.fullmatch(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s?)?", text)
    if not text or match is None:
        raise BadInputError(f"--run-time {text}", "it is no time span", "Write it as 90, 90s, 5m or 1h30m")
    hours, minutes, rest = (int(part or 0) for part in match.groups())
    return float(hours * 3600 + minutes * 60 + rest)


def _list_scenarios() -> None:
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0), header_style="dim")
    for column in ("scenario", "load", "what happens"):
        table.add_column(column, no_wrap=column != "what happens")
    for each in SCENARIOS.values():
        table.add_row(each.name, each.model, escape(each.title))
    console.print(table)
