"""What a scenario can be asked for on Locust's command line and web page, and the swarm that this makes."""

import os
import secrets
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from locust.argument_parser import LocustArgumentParser
from locust.env import Environment

from slotrush.errors import BadInputError
from slotrush.swarm import cast as casting
from slotrush.swarm.cast import Cast, Part
from slotrush.swarm.course import Course, Entrant
from slotrush.swarm.dispatch import role_of
from slotrush.swarm.plan import Plan, check, until_the_last_arrival
from slotrush.swarm.process import die_with
from slotrush.swarm.scenario import Model, Scenario
from slotrush.swarm.sessions import Role, read_bank

Doctors = Callable[[Course, Entrant], None]
Preflight = Callable[[Plan], None]
_own_weights: dict[str, float] = {}
"""By name of each class, the weight that its file gives it, whatever the last swarm made of it."""


def add_options(scenario: Scenario, parser: LocustArgumentParser, **_: Any) -> None:
    # Workers are forked after this. At the fork, because one waits for minutes for a master that has ended.
    os.register_at_fork(after_in_child=partial(die_with, os.getpid()))
    parser.add_argument("--sessions", default="", help="the session bank: people who are signed in (JSON)")
    parser.add_argument("--patients", type=int, default=scenario.users, help="users, if --users is not given")
    parser.add_argument("--doctors", type=int, default=0, help="doctors to visit; 0 is all of the bank")
    parser.add_argument("--seed", type=int, default=1, help="the same seed makes the same choices")
    if scenario.model == "drop":
        parser.add_argument("--slots", type=int, default=scenario.slots, help="how many slots the doctors publish")
        parser.add_argument(
            "--drop-window-s", type=float, default=scenario.drop_window_s, help="patients start within this"
        )
    else:
        parser.add_argument("--model", choices=["closed", "open"], default=scenario.model, help="the load model")
        parser.add_argument("--think-time", default=scenario.think, help="closed: exponential:20, lognormal:20,0.5 …")
        parser.add_argument("--arrivals", default=scenario.arrivals or "", help="open: poisson:100@60s, trace:FILE …")
    hidden: dict[str, Any] = {"include_in_web_ui": False}
    parser.add_argument("--run-dir", default="", help="keep the record here: parts/ and live.json", **hidden)
    parser.add_argument("--allow-list", default="", help="targets.toml: servers that may be loaded", **hidden)
    parser.add_argument(
        "--metrics-port", type=int, default=-1, help="serve slotrush_* for Prometheus here; 0 is any port", **hidden
    )
    parser.add_argument(
        "--metrics-address", default=Plan.metrics_address, help="the address of that port; 0.0.0.0 is all", **hidden
    )
    parser.add_argument(
        "--adapter", default="", env_var="SLOTRUSH_ADAPTER", help="file.py:Class that speaks your API", **hidden
    )


def planned(
    scenario: Scenario, environment: Environment, preflight: Preflight, run_time_s: float | None, users: int = 0
) -> tuple[Plan, Cast]:
    """The swarm that the options ask for, checked, and who plays it. Raises BadInputError."""
    options = environment.parsed_options
    assert options is not None
    if not options.sessions:
        raise BadInputError("--sessions", "no session bank is named", "Name the file of people who are signed in")
    bank = read_bank(Path(options.sessions))
    model: Model = getattr(options, "model", "drop")
    doctors = options.doctors or bank.count("doctor")
    cast = casting.cast(_parts(environment, model), users or options.num_users, doctors, bank.count("staff"))
    plan = Plan(
        scenario=scenario.name,
        model=model,
        host=environment.host or "",
        sessions=str(Path(options.sessions).resolve()),
        users=cast.users,
        doctors=doctors,
        seed=options.seed,
        slots=getattr(options, "slots", 0),
        drop_window_s=getattr(options, "drop_window_s", 0.0),
        think=getattr(options, "think_time", "none"),
        arrivals=(getattr(options, "arrivals", "") or None) if cast.shares else None,
        run_time_s=_run_time_s(environment) or run_time_s,
        until_broken=scenario.until_broken and model == "open",
        adapter=options.adapter or None,
        allow_list=str(Path(options.allow_list).resolve()) if options.allow_list else None,
        metrics_port=None if options.metrics_port < 0 else options.metrics_port,
        metrics_address=options.metrics_address,
        salt=secrets.randbits(48),
        run_dir=str(Path(options.run_dir).resolve()) if options.run_dir else None,
    )
    people: dict[Role, int] = {**cast.players, "doctor": max(doctors, cast.players.get("doctor", 0))}
    check(plan, people, needs_arrivals=bool(cast.shares))
    if cast.all_open:
        plan = until_the_last_arrival(plan)
    preflight(plan)
    for kind in environment.user_classes:
        kind.weight, kind.fixed_count = cast.weights[kind.__name__], cast.fixed.get(kind.__name__, 0)
    return plan, cast


def pace_of(kind: Any, model: Model) -> Model:
    """How users of a class are paced: as the class itself says, or by the swarm's load model."""
    pace: Model = getattr(kind, "pace", None) or model
    return pace


def _parts(environment: Environment, model: Model) -> list[Part]:
    options = environment.parsed_options
    return [
        Part(
            name=kind.__name__,
            role=role_of(kind),
            weight=1.0 if options and options.equal_weights else _own_weights.setdefault(kind.__name__, kind.weight),
            opens=pace_of(kind, model) == "open",
            has_tasks=bool(kind.tasks),
        )
        for kind in environment.user_classes
    ]


def _run_time_s(environment: Environment) -> float | None:
    """What somebody wrote into the web page, whose clock would begin with the first user."""
    options = environment.parsed_options
    assert options is not None
    asked_s, options.run_time = options.run_time, None
    if asked_s and environment.web_ui is not None:
        environment.web_ui._cancel_run_time_timer()  # type: ignore[no-untyped-call]
    return float(asked_s) if asked_s else None
