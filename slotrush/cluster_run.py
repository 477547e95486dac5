"""A run inside a cluster: the main job's twin for a system that runs already, with workers on other hosts.

`python -m slotrush.cluster_run` is the command of the race's pod (k8s/swarm). It waits for the workers, plays the
swarm, merges their parts, reads the stores and audits. Judging and reporting need no cluster: they follow where the
record is brought to, by `slotrush report`, `slotrush gate` and the others.
"""

import argparse
import os
import sys
import time
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from rich.console import Console

from slotrush import audit, machine, snapshot
from slotrush.errors import EXIT_FAILED, EXIT_OK, BadInputError, SlotrushError
from slotrush.live import LiveView
from slotrush.runs import record
from slotrush.swarm import scenario
from slotrush.swarm.plan import plan_of
from slotrush.swarm.scenario import Scenario
from slotrush.swarm.start import Swarm, SwarmOptions

POLL_S: Final = 0.5
STOP_GRACE_S: Final = 60.0
SNAPSHOT_WAIT_S: Final = 300.0
_STORES: Final = ("DATABASE_DIRECT_URL", "REDIS_URL")


@dataclass(frozen=True)
class ClusterRun:
    """`plays` has the sizes; `run_dir` is new. The people of `sessions` are there already, and nobody else is."""

    plays: Scenario
    host: str
    sessions: Path
    run_dir: Path
    mailbox: Path
    allow_list: Path
    workers: int
    spawn_rate_per_s: int
    seed: int
    metrics_port: int


def sources(environment: Mapping[str, str], mailbox: Path) -> snapshot.Sources:
    """Where the system keeps things, by the environment. Raises BadInputError."""
    for name in _STORES:
        if not environment.get(name):
            raise BadInputError(name, "it is not set, but the audit reads that store", "Set it in the environment")
    database_url, redis_url = (environment[name] for name in _STORES)
    return snapshot.Sources(database_url, redis_url, environment.get("REDIS_KEY_PREFIX", ""), mailbox)


def run(options: ClusterRun, stores: snapshot.Sources, console: Console) -> audit.AuditResult:
    """Play the swarm, and leave the record of it in `run_dir`, audited.

    Raises BadInputError before anything starts, and StackError when the swarm or a store fails; what was recorded is
    merged even then.
    """
    swarm = Swarm(swarm_options(options))
    _begin(options)
    if options.plays.model != "drop":
        with closing(record.open_record(options.run_dir)) as connection:
            snapshot.note_published(connection, stores.database_url)
    try:
        swarm.start()
        _watch(swarm, options.run_dir, console)
    finally:
        swarm.stop(STOP_GRACE_S)
        with closing(record.open_record(options.run_dir)) as connection:
            record.merge_parts(connection, record.part_paths(options.run_dir))
    with closing(record.open_record(options.run_dir)) as connection:
        snapshot.take(connection, stores, SNAPSHOT_WAIT_S, lambda step: console.print(step, highlight=False))
        return audit.run_audit(connection)


def _watch(swarm: Swarm, run_dir: Path, console: Console) -> None:
    with LiveView(run_dir, dict, console) as view:
        while (code := swarm.poll()) is None:
            swarm.check()
            view.refresh()
            time.sleep(POLL_S)
        view.refresh()
    swarm.require_success(code)


def _begin(options: ClusterRun) -> None:
    plays = options.plays
    with closing(record.create(options.run_dir / record.RECORD_NAME)) as connection:
        record.put_meta(
            connection,
            run_id=options.run_dir.name,
            scenario=plays.name,
            seed=options.seed,
            started_at=datetime.now(UTC).isoformat(timespec="seconds"),
            options={
                "patients": plays.users,
                "doctors": plays.doctors,
                "slots": plays.slots,
                "model": plays.model,
                "drop_window_s": plays.drop_window_s,
                "workers": options.workers,
                "spawn_rate_per_s": options.spawn_rate_per_s,
            },
            machine=machine.describe(),
            target={"base_url": options.host, "commit": None, "replicas": None, "cpu_quota_m": None},
        )


def swarm_options(options: ClusterRun) -> SwarmOptions:
    """What is asked of the swarm, whose metrics are for a Prometheus in another pod."""
    plan = plan_of(
        options.plays,
        host=options.host,
        sessions=str(options.sessions.resolve()),
        seed=options.seed,
        allow_list=str(options.allow_list.resolve()),
        metrics_port=options.metrics_port,
        metrics_address="0.0.0.0",
        run_dir=str(options.run_dir.resolve()),
    )
    return SwarmOptions(
        locustfile=scenario.locustfile(options.plays.name),
        plan=plan,
        workers=options.workers,
        spawn_rate_per_s=options.spawn_rate_per_s,
        remote_workers=True,
    )


def _arguments(given: list[str]) -> ClusterRun:
    parser = argparse.ArgumentParser(prog="python -m slotrush.cluster_run", description=__doc__)
    parser.add_argument("--scenario", required=True)
    for name in ("patients", "doctors", "slots", "workers", "seed", "spawn-rate", "metrics-port"):
        parser.add_argument(f"--{name}", type=int, required=True)
    parser.add_argument("--host", required=True, help="the gateway, as the workers reach it")
    for name in ("sessions", "run-dir", "mailbox", "allow-list"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    options = parser.parse_args(given)
    plays = scenario.find(options.scenario)
    return ClusterRun(
        plays=replace(plays, users=options.patients, doctors=options.doctors, slots=options.slots),
        host=options.host,
        sessions=options.sessions,
        run_dir=options.run_dir,
        mailbox=options.mailbox,
        allow_list=options.allow_list,
        workers=options.workers,
        spawn_rate_per_s=options.spawn_rate,
        seed=options.seed,
        metrics_port=options.metrics_port,
    )


def main(given: list[str]) -> int:
    try:
        options = _arguments(given)
        if options.run_dir.exists():
            raise BadInputError(f"--run-dir {options.run_dir}", "there is a run already", "Name another")
        result = run(options, sources(os.environ, options.mailbox), Console())
    except SlotrushError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    print(f"recorded in {options.run_dir}; the audit is {'clean' if result.clean else 'NOT clean'}")
    return EXIT_OK if result.clean else EXIT_FAILED


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
