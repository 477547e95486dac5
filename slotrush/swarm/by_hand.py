"""The record of a swarm for which Locust was started by hand, so that `slotrush report` has something to report on.

`slotrush swarm` begins the record itself. What only it knows is missing here: what the target's stores held, and what
its processes used.
"""

from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from slotrush import machine
from slotrush.runs import record
from slotrush.swarm.plan import Plan


def begin_record(plan: Plan, workers: int) -> None:
    """Create the record in the plan's run folder, unless there is one. The parts of the workers are merged into it by
    whatever reads it first."""
    assert plan.run_dir is not None
    run_dir = Path(plan.run_dir)
    if (run_dir / record.RECORD_NAME).exists():
        return
    options = {
        "patients": plan.users,
        "doctors": plan.doctors,
        "slots": plan.slots,
        "model": plan.model,
        "think": plan.think,
        "arrivals": None if (plan.arrivals or "").startswith("trace:") else plan.arrivals,  # no paths of this machine
        "run_time_s": plan.run_time_s,
        "workers": workers,
    }
    if plan.model == "drop":
        options["drop_window_s"] = plan.drop_window_s
    with closing(record.create(run_dir / record.RECORD_NAME)) as connection:
        record.put_meta(
            connection,
            run_id=run_dir.name,
            scenario=plan.scenario,
            seed=plan.seed,
            started_at=datetime.now(UTC).isoformat(timespec="seconds"),
            options=options,
            machine=machine.describe(),
            target={"base_url": plan.host, "commit": None, "replicas": None, "cpu_quota_m": None},
        )
