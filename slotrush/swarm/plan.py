"""What one swarm is asked to do, checked before it starts, and told to every worker."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Self

from slotrush.errors import BadInputError
from slotrush.runs import record
from slotrush.swarm.load import parse_arrivals
from slotrush.swarm.scenario import Model, Scenario
from slotrush.swarm.sessions import Role, read_bank
from slotrush.swarm.sizes import require_not_negative, require_positive
from slotrush.swarm.think import parse_think_time
from slotrush.targets import check_target


@dataclass(frozen=True)
class Plan:
    """One swarm. `sessions`, `run_dir`, `adapter` and `allow_list` are paths as text; without
    `run_dir` nothing is kept.

    `salt` tells the idempotency keys of this swarm from those of the same one at another time.
    `users` play, of whatever role; `doctors` of the bank's are there to be visited. `slots` and `drop_window_s` are
    the drop's. `think` and `arrivals` are specifications. `run_time_s` counts from the start of everyone; None is
    until the last answer of a drop, or until somebody ends it. What Prometheus scrapes is on `metrics_port`, if it is
    given, of `metrics_address`.
    """

    scenario: str
    model: Model
    host: str
    sessions: str
    users: int
    doctors: int
    seed: int
    slots: int = 0
    drop_window_s: float = 0.0
    think: str = "none"
    arrivals: str | None = None
    run_time_s: float | None = None
    until_broken: bool = False
    adapter: str | None = None
    allow_list: str | None = None
    metrics_port: int | None = None
    metrics_address: str = "127.0.0.1"
    salt: int = 0
    run_dir: str | None = None


def plan_of(plays: Scenario, *, host: str, sessions: str, seed: int, **own: Any) -> Plan:
    """The plan of a swarm that plays a scenario; `own` holds other fields, its `arrivals` among them if it has any."""
    shared = Plan(
        scenario=plays.name,
        model=plays.model,
        host=host,
        sessions=sessions,
        seed=seed,
        users=plays.users,
        doctors=plays.doctors,
        slots=plays.slots,
        drop_window_s=plays.drop_window_s,
        think=plays.think,
        arrivals=plays.arrivals,
        run_time_s=plays.run_time_s,
    )
    return replace(shared, **own)


@dataclass(frozen=True)
class Lineup:
    """What a worker is told beforehand: the plan, and which of the workers it is.

    By name of each class of users who act when an arrival is theirs, its share of the arrivals (`shares`) and how many
    of its users each of the workers spawns (`homes`). `bank`: the digest of the session bank that the master has; ""
    for whichever the worker has.
    """

    plan: Plan
    position: int
    workers: int
    shares: Mapping[str, float] = field(default_factory=dict)
    homes: Mapping[str, Sequence[int]] = field(default_factory=dict)
    bank: str = ""

    def as_message(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def of_message(cls, message: dict[str, Any]) -> Self:
        return cls(**message | {"plan": Plan(**message["plan"])})


def check(plan: Plan, people: Mapping[Role, int], needs_arrivals: bool = False) -> None:
    """Raises BadInputError for a count, a specification, a run folder, a target or a bank that cannot be used.

    `people`: how many of each role play at once, or are there to be visited. `needs_arrivals`: somebody acts when an
    arrival is theirs, as in an open model all do.
    """
    require_positive(users=plan.users, doctors=plan.doctors)
    require_not_negative(seed=plan.seed, drop_window_s=plan.drop_window_s, slots=plan.slots)
    if plan.model == "drop":
        require_positive(slots=plan.slots)
    if plan.run_time_s is not None:
        require_positive(run_time=plan.run_time_s)
    parse_think_time(plan.think)
    if plan.arrivals is not None:
        parse_arrivals(plan.arrivals, plan.run_time_s)
    elif needs_arrivals or plan.model == "open":
        raise BadInputError("--arrivals", "an open model has to know when who arrives", "Say e.g. poisson:100")
    if plan.run_dir is not None and record.part_paths(Path(plan.run_dir)):
        raise BadInputError(f"--run-dir {plan.run_dir}", "a swarm is recorded there already", "Name another folder")
    check_target(plan.host, None if plan.allow_list is None else Path(plan.allow_list))
    read_bank(Path(plan.sessions)).require(people)


def until_the_last_arrival(plan: Plan) -> Plan:
    """The plan of a load of which everybody acts when an arrival is theirs: over with the arrivals, if not before."""
    if plan.arrivals is None:
        return plan
    lasts_s = min(parse_arrivals(plan.arrivals, plan.run_time_s).duration_s, plan.run_time_s or math.inf)
    return replace(plan, run_time_s=None if lasts_s == math.inf else lasts_s)
