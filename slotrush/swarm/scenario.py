"""The scenarios that come with slotrush, as everyone may know them who does not run Locust."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final, Literal

from slotrush import REPOSITORY
from slotrush.errors import BadInputError

FOLDER: Final = REPOSITORY / "locustfiles"
Model = Literal["drop", "closed", "open"]
"""drop: everyone starts at one moment and is done when they have their last answer. closed: each user thinks after each
answer. open: arrivals come by a schedule, whether the target keeps up or not (Schroeder, Wierman, Harchol-Balter 2006:
"Open Versus Closed: A Cautionary Tale")."""


@dataclass(frozen=True)
class Scenario:
    """What a scenario is when nothing else is asked for.

    `users` play at once; of an open model so many can be busy at once, and an arrival that finds none free is dropped.
    `doctors` and `slots` are what the target has: the slots are published at the drop, or beforehand. `think` and
    `arrivals` are specifications as `slotrush.swarm.think` and `slotrush.swarm.load` read them. `needs_objects`: uses
    the object store. `until_broken`: goes on until an objective breaks, and reports the step before.
    """

    name: str
    title: str
    model: Model
    users: int = 2_000
    doctors: int = 250
    slots: int = 20_000
    drop_window_s: float = 0.5
    run_time_s: float | None = None
    think: str = "exponential:20"
    arrivals: str | None = None
    needs_objects: bool = False
    until_broken: bool = False


def _steps(*rates_per_s: float, each_s: int) -> str:
    return ",".join(f"poisson:{rate_per_s:g}@{each_s}s" for rate_per_s in rates_per_s)


SCENARIOS: Final[Mapping[str, Scenario]] = MappingProxyType(
    {
        scenario.name: scenario
        for scenario in (
            Scenario("race", "20,000 patients go for 5,000 slots at one moment", "drop", 20_000, 250, 5_000),
            Scenario("hot_doctor", "everyone goes for the 40 slots of one doctor", "drop", 20_000, 1, 40),
            Scenario(
                "steady_day",
                "a clinic's day from midnight to midnight, compressed in time",
                "open",
                run_time_s=300,
                arrivals="day:200",
                needs_objects=True,
            ),
            Scenario(
                "soak",
                "the day's mix, evenly and for a long time",
                "closed",
                5_000,
                run_time_s=3_600,
                needs_objects=True,
            ),
            Scenario(
                "spike",
                "the day's mix, then ten times as much within seconds, then as before",
                "open",
                run_time_s=150,
                arrivals="poisson:50@60s,poisson:50..500@5s,poisson:500@20s,poisson:500..50@5s,poisson:50@60s",
                needs_objects=True,
            ),
            Scenario(
                "staircase",
                "the day's mix, more with every step",
                "open",
                run_time_s=180,
                arrivals=_steps(50, 100, 200, 300, 400, 500, each_s=30),
                needs_objects=True,
            ),
            Scenario(
                "breakpoint",
                "more with every step until an objective breaks: where the knee is",
                "open",
                users=8_000,
                run_time_s=600,
                arrivals=_steps(*range(100, 2_100, 100), each_s=30),
                needs_objects=True,
                until_broken=True,
            ),
            Scenario(
                "search_heavy",
                "patients who compare doctors and agendas for long, and book rarely",
                "open",
                run_time_s=120,
                arrivals="poisson:300",
            ),
            Scenario(
                "login_storm",
                "everyone signs in at once while others book",
                "open",
                users=1_500,
                run_time_s=120,
                arrivals="poisson:20@30s,poisson:100@60s,poisson:20@30s",
            ),
            Scenario(
                "publish_wave",
                "doctors publish their weeks while patients keep looking",
                "closed",
                slots=0,
                run_time_s=120,
                think="exponential:3",
            ),
            Scenario(
                "waiting_list",
                "every slot is taken: patients queue, and get what others give back",
                "closed",
                users=1_000,
                doctors=20,
                slots=400,
                run_time_s=120,
                think="exponential:3",
            ),
        )
    }
)


def find(name: str) -> Scenario:
    """The scenario of this name. Raises BadInputError, which lists those that there are."""
    if name in SCENARIOS:
        return SCENARIOS[name]
    raise BadInputError(f"scenario {name}", "there is none of this name", f"Use one of: {', '.join(SCENARIOS)}")


def locustfile(name: str) -> Path:
    """The file that plays a scenario: one of ours by its name, anybody's by its path. Raises BadInputError."""
    if re.search(r"\.py$|/", name):
        path = Path(name)
        if not path.is_file():
            raise BadInputError(f"locustfile {name}", "there is no such file", "Name a file, or a scenario")
        return path
    return FOLDER / f"{find(name).name}.py"
