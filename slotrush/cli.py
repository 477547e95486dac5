"""The command line: options, help and exit codes. What the commands do is elsewhere."""

import signal
from contextlib import closing
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from typer.core import TyperGroup

from slotrush import errors, race
from slotrush.errors import BadInputError, SlotrushError
from slotrush.report.verdict import Kind

complaints = Console(stderr=True)


class Commands(TyperGroup):
    """The commands, whose errors become one message and an exit code; Typer does the same for wrong options."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            complaints.print("interrupted")
            raise typer.Exit(errors.EXIT_INTERRUPTED) from None
        except SlotrushError as error:
            complaints.print(f"[red]error[/red] {escape(str(error))}", highlight=False, soft_wrap=True)
            raise typer.Exit(error.exit_code) from None


app = typer.Typer(
    name="slotrush",
    cls=Commands,
    help="Load-test and capacity-planning harness for a medical-appointment booking system.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
console = Console()

RunFolder = Annotated[Path, typer.Argument(metavar="RUN", help="A folder under results/, or its run.sqlite.")]
Patients = Annotated[int, typer.Option(help="Patients who race.")]
Doctors = Annotated[int, typer.Option(help="Doctors who publish.")]
Seed = Annotated[int, typer.Option(help="The same seed makes the same people and the same choices.")]
Replicas = Annotated[int, typer.Option(help="Replicas of the booking system.")]
Proxies = Annotated[int, typer.Option(help="Proxy processes that share the port.")]
Port = Annotated[int | None, typer.Option(help="Port of the proxy; a free one when not given.")]
DatabaseUrl = Annotated[
    str | None,
    typer.Option(envvar="DATABASE_URL", help="A PostgreSQL server to use instead of an embedded one."),
]
RedisUrl = Annotated[
    str | None,
    typer.Option(envvar="REDIS_URL", help="A Redis-protocol server to use instead of an embedded one."),
]
DEFAULTS = race.RaceOptions()
EXIT_CODES = {
    Kind.PASSED: errors.EXIT_OK,
    Kind.REMARKS: errors.EXIT_OK,
    Kind.FAILED: errors.EXIT_FAILED,
    Kind.PARTIAL: errors.EXIT_UNDECIDED,
    Kind.INVALID: errors.EXIT_INVALID_RUN,
}


@app.command("race")
def race_command(
    patients: Patients = DEFAULTS.patients,
    slots: Annotated[int, typer.Option(help="Slots that are published at the drop.")] = DEFAULTS.slots,
    doctors: Doctors = DEFAULTS.doctors,
    drop_window_s: Annotated[
        float, typer.Option(help="Patients begin within so many seconds after the drop.")
    ] = DEFAULTS.drop_window_s,
    seed: Seed = DEFAULTS.seed,
    workers: Annotated[int, typer.Option(help="Processes of the load generator.")] = DEFAULTS.workers,
    replicas: Replicas = DEFAULTS.replicas,
    proxies: Proxies = DEFAULTS.proxies,
    port: Port = None,
    database_url: DatabaseUrl = None,
    redis_url: RedisUrl = None,
    host: Annotated[str | None, typer.Option(help="A target that runs already; needs --sessions.")] = None,
    sessions: Annotated[
        Path | None, typer.Option(help="JSON file with the sessions of the target's patients and doctors.")
    ] = None,
    allow_list: Annotated[
        Path | None, typer.Option(help="targets.toml: the servers that you may load, other than this machine.")
    ] = None,
    floor: Annotated[bool, typer.Option(help="Measure the floor, which the drain is compared with.")] = True,
    results: Annotated[Path, typer.Option(help="Where the run's folder is made.")] = DEFAULTS.results,
) -> None:
    """Run the race: a whole stack, patients who go for the same slots at once, an audit, a report."""
    options = race.RaceOptions(
        results=results,
        patients=patients,
        slots=slots,
        doctors=doctors,
        drop_window_s=drop_window_s,
        seed=seed,
        workers=workers,
        replicas=replicas,
        proxies=proxies,
        port=port,
        database_url=database_url or None,
        redis_url=redis_url or None,
        host=host,
        sessions=sessions,
        allow_list=allow_list,
        floor=floor,
    )
    run_dir = race.run(options, console)
    _conclude(run_dir)


@app.command()
def up(
    patients: Patients = 1_000,
    doctors: Doctors = 50,
    seed: Seed = 1,
    replicas: Replicas = 2,
    proxies: Proxies = 2,
    port: Port = None,
    database_url: DatabaseUrl = None,
    redis_url: RedisUrl = None,
) -> None:
    """Start a stack with people in it, keep it running, and print its URLs."""
    from slotrush.stack import StackOptions, keep  # noqa: PLC0415  keeps `--help` quick
    from slotrush.swarm.sizes import require_positive  # noqa: PLC0415

    folder = keep.HOME / "up"
    folder.mkdir(parents=True, exist_ok=True)
    require_positive(patients=patients, doctors=doctors)
    options = StackOptions(folder, replicas, proxies, database_url or None, redis_url or None, port)
    sessions = folder / "sessions.json"
    urls = keep.up(
        options,
        lambda urls: race.seed(urls, patients, doctors, seed, sessions),
        lambda step: console.print(escape(step), highlight=False),
    )
    console.print(
        f"\ntarget     {urls.base_url}  (OpenAPI: {urls.base_url}/docs)\n"
        f"replicas   {' '.join(urls.replica_urls)}\n"
        f"database   {urls.database_url}\n"
        f"cache      {urls.redis_url}\n"
        f"mailbox    {urls.mailbox_path}\n"
        f"sessions   {sessions}\n\n"
        f"race it    slotrush race --host {urls.base_url} --sessions {sessions} --patients {patients}"
        f" --doctors {doctors} --slots {doctors * 20}\n"
        f"web UI     locust -f locustfiles/race.py --host {urls.base_url} --sessions {sessions}\n"
        "stop it    slotrush down",
        highlight=False,
        soft_wrap=True,
    )


@app.command()
def down() -> None:
    """Stop the stack that `slotrush up` started."""
    from slotrush.stack import keep  # noqa: PLC0415

    console.print("the stack is stopped" if keep.down() else "no stack was running")


@app.command()
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


@app.command()
def report(run: RunFolder) -> None:
    """Write summary.json and the reports of a run again."""
    from slotrush.runs import record  # noqa: PLC0415

    record.open_record(run).close()
    if not run.is_dir() and run.name != record.RECORD_NAME:
        raise BadInputError(f"run {run}", f"its name is not {record.RECORD_NAME}", "Name the run's folder")
    run_dir = run if run.is_dir() else run.parent
    race.conclude(run_dir, lambda step: console.print(step, highlight=False))
    _conclude(run_dir)


@app.command()
def limits(
    patients: Annotated[int, typer.Option(help="Patients to check the machine's limits for.")] = DEFAULTS.patients,
    workers: Annotated[int, typer.Option(help="Processes of the load generator.")] = DEFAULTS.workers,
    replicas: Replicas = DEFAULTS.replicas,
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


def _conclude(run_dir: Path) -> None:
    """Say what the run amounts to, and end with its exit code."""
    from slotrush.report import FILE_NAMES, terminal  # noqa: PLC0415

    kind, lines = terminal.conclusion(run_dir)
    console.print("\n".join(["", *lines, ""]), highlight=False, soft_wrap=True)
    for name in ("run.sqlite", "summary.json", *FILE_NAMES.values()):
        console.print(f"  {run_dir / name}", highlight=False, soft_wrap=True)
    raise typer.Exit(EXIT_CODES[kind])


def main() -> None:
    """Run the command and exit: 0 fine, 1 failed verdict, 2 bad input, 3 undecided, 4 invalid run, 130 interrupted."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    app()
