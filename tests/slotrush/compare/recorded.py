"""Recorded runs with a commit and a machine, for comparisons and baselines."""

from contextlib import closing
from pathlib import Path
from typing import Any

from slotrush.runs import record
from tests.slotrush.gate.written import write_run

MACHINE = {"cores": 2, "cpu_model": "Abacus", "memory_bytes": 2**32}


def recorded(
    run_dir: Path,
    *,
    number: int = 0,
    commit: str = "a" * 40,
    machine: dict[str, Any] = MACHINE,
    patients: int = 100,
    **run: Any,
) -> Path:
    """The `number`-th run of a month; `run` is what `write_run` takes."""
    write_run(run_dir, **{"statements": 1.5} | run)
    with closing(record.open_record(run_dir)) as connection:
        record.put_meta(
            connection,
            run_id=run_dir.name,
            started_at=f"2026-11-{number + 1:02}T10:00:00+00:00",
            machine=machine,
            target={"commit": commit, "replicas": 2},
            options={"patients": patients, "slots": 10},
            patients=patients,
        )
    return run_dir
