"""Ends a run as soon as one of its objectives is beyond saving: `--abort-on-fail`."""

import math
from pathlib import Path

from slotrush import slo
from slotrush.accounting import Load
from slotrush.errors import BadInputError
from slotrush.gate.abort import Counted, Missed, Seen, Watch
from slotrush.live import LiveState
from slotrush.swarm.load import parse_arrivals
from slotrush.swarm.scenario import Scenario


def watch(plays: Scenario, objectives: Path | None) -> Watch:
    """Somebody who knows the objectives and the load. Raises BadInputError when it cannot be known what is hopeless."""
    if plays.until_broken:
        problem = f"{plays.name} goes on until an objective breaks anyway"
        raise BadInputError("--abort-on-fail", problem, "Leave it out")
    if plays.model != "drop" and _lasts_s(plays) == math.inf:
        problem = "the load has no end, so nobody knows how much is still to come"
        raise BadInputError("--abort-on-fail", problem, "Add --run-time")
    if plays.arrivals is None:
        return Watch(slo.load(objectives), plays.name)
    return Watch(slo.load(objectives), plays.name, parse_arrivals(plays.arrivals, plays.run_time_s).rate_per_s)


def missed(watching: Watch, state: LiveState, app: Load | None) -> tuple[Missed, ...]:
    """The objectives that are beyond saving; none while nothing has begun, nor when it is over anyway.

    `app` is what the booking system uses now, where that is measured.
    """
    if state.start_us is None or state.over:
        return ()
    seen = Seen(
        at_s=(state.at_us - state.start_us) / 1e6,
        until_s=None if state.has_drop else state.run_time_s,
        patients=state.patients,
        done=state.done,
        endpoints={name: Counted(*counts) for name, counts in state.endpoints.items()},
        replica_bytes=app.memory_bytes / app.processes if app is not None and app.processes else None,
    )
    return watching.look(seen)


def _lasts_s(plays: Scenario) -> float:
    run_time_s = math.inf if plays.run_time_s is None else plays.run_time_s
    if plays.arrivals is None:
        return run_time_s
    return min(parse_arrivals(plays.arrivals, plays.run_time_s).duration_s, run_time_s)
