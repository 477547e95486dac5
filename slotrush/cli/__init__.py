"""The command line: options, help and exit codes, one module for each group of commands. What they do is elsewhere."""

import signal

import typer

from slotrush.cli import (
    chaos,
    ci,
    dashboards,
    history,
    judging,
    planning,
    racing,
    reporting,
    runs,
    scaling,
    stack,
    sweeping,
)
from slotrush.cli.base import Commands

app = typer.Typer(
    name="slotrush",
    cls=Commands,
    help="Load-test and capacity-planning harness for a medical-appointment booking system.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for group in (racing, chaos, stack, judging, reporting, runs, ci, dashboards, sweeping, planning, history, scaling):
    app.add_typer(group.commands)


def main() -> None:
    """Run the command and exit: 0 fine, 1 failed verdict, 2 bad input, 3 undecided, 4 invalid run, 130 interrupted."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    app()
