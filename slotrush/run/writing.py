"""What the harness itself writes into the record of a run; the rest is the swarm's."""

import contextlib
import shutil
import time
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from slotrush import floor, limits, machine
from slotrush.errors import BadInputError
from slotrush.run.options import Place, RunOptions, plain
from slotrush.runs import record


def begin(run_dir: Path, options: RunOptions, allowed: limits.Limits) -> None:
    with closing(record.create(run_dir / record.RECORD_NAME)) as connection:
        record.put_meta(
            connection,
            run_id=run_dir.name,
            scenario=options.plays.name,
            seed=options.seed,
            started_at=datetime.now(UTC).isoformat(timespec="seconds"),
            options=plain(options),
            machine=machine.describe(),
            limits=allowed.as_meta(),
        )


def describe_target(run_dir: Path, options: RunOptions, place: Place) -> None:
    own = place.urls is not None
    with closing(record.open_record(run_dir)) as connection:
        record.put_meta(
            connection,
            target={
                "base_url": place.base_url,
                "commit": machine.commit() if own else None,
                "replicas": options.replicas if own else None,
                "cpu_quota_m": options.cpu_quota_m if own else None,
            },
        )


def note_floor(run_dir: Path, measured: Sequence[floor.Floor]) -> None:
    """Before and after the swarm, as the machine may have become slower meanwhile: the mean of both, and each."""
    each = [one.as_meta() for one in measured]
    with closing(record.open_record(run_dir)) as connection:
        record.put_meta(connection, floor=floor.mean(measured).as_meta() | {"measured": each})


def note(run_dir: Path, event: str, detail: str) -> None:
    with contextlib.suppress(BadInputError), closing(record.open_record(run_dir)) as connection:
        record.add_event(connection, time.time_ns() // 1000, event, detail)


def merge(run_dir: Path) -> None:
    with closing(record.open_record(run_dir)) as connection:
        record.merge_parts(connection, record.part_paths(run_dir))


def is_merged(run_dir: Path) -> bool:
    """Whether the swarm has begun, and all that its workers wrote is in the record."""
    return (run_dir / "live.json").exists() and not record.part_paths(run_dir)


def remove_if_empty(run_dir: Path) -> None:
    """A run that was refused leaves nothing, unless the swarm had begun."""
    if not record.part_paths(run_dir) and not (run_dir / "live.json").exists():
        shutil.rmtree(run_dir, ignore_errors=True)
