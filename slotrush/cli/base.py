"""What every command shares: how errors end it, the consoles, and the options that several have."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from typer.core import TyperGroup

from slotrush import errors
from slotrush.errors import BadInputError, SlotrushError
from slotrush.seed import SEED_MAX

console = Console()
complaints = Console(stderr=True)


def run_path(text: str) -> Path:
    """A run by its path, by its id under results/, or as `latest`. Raises BadInputError."""
    from slotrush.archive import folders  # noqa: PLC0415  keeps `--help` quick

    path = Path(text)
    return path if path.exists() else folders.find(text, Path("results"))


RunFolder = Annotated[
    Path,
    typer.Argument(
        metavar="RUN", parser=run_path, help="A run's folder, its run.sqlite, its id under results/, or `latest`."
    ),
]


def _seed(seed: int) -> int:
    if not 0 <= seed <= SEED_MAX:
        raise BadInputError(f"--seed {seed}", f"it must be from 0 to {SEED_MAX}", "Give another number")
    return seed


Patients = Annotated[int, typer.Option(help="Patients who race.")]
Doctors = Annotated[int, typer.Option(help="Doctors who publish.")]
Seed = Annotated[int, typer.Option(callback=_seed, help="The same seed makes the same people and the same choices.")]
Replicas = Annotated[int, typer.Option(help="Replicas of the booking system.")]
Proxies = Annotated[int, typer.Option(help="Proxy processes that share the port.")]
Cpu = Annotated[
    str | None,
    typer.Option("--cpu", help="CPU of each replica, as in a pod's limits: 150m, 0.5. Needs control groups."),
]
Port = Annotated[int | None, typer.Option(help="Port of the proxy; a free one when not given.")]
DatabaseUrl = Annotated[
    str | None,
    typer.Option(envvar="DATABASE_URL", help="A PostgreSQL server to use instead of an embedded one."),
]
RedisUrl = Annotated[
    str | None,
    typer.Option(envvar="REDIS_URL", help="A Redis-protocol server to use instead of an embedded one."),
]


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


def write(path: Path, text: str, option: str) -> None:
    """What `option` asked for. Raises BadInputError."""
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise BadInputError(f"{option} {path}", f"it cannot be written ({error.strerror})", "Name another") from error
