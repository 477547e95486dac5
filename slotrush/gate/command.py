"""What `slotrush gate` does: opens the record, judges it, and writes the verdict in the forms that were asked for."""

from contextlib import closing
from pathlib import Path
from typing import Final

from rich.console import Console

from slotrush import slo
from slotrush.gate import annotations, data, junit, markdown, table
from slotrush.gate.judging import judge
from slotrush.gate.outputs import Forms, Outputs, deliver
from slotrush.gate.verdict import Verdict
from slotrush.runs import record

__all__ = ["FORMS", "Outputs", "gate"]

FORMS: Final = Forms(table.render, annotations.render, junit.render, data.render, markdown.render)


def gate(run: Path, objectives: Path | None, outputs: Outputs, console: Console) -> Verdict:
    """Judge a run, show and write the verdict. Raises BadInputError, also for a file that cannot be written."""
    wanted = slo.load(objectives)
    with closing(record.open_finished(run)) as connection:
        verdict = judge(connection, wanted)
    deliver(verdict, FORMS, outputs, console)
    return verdict
