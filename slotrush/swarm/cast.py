"""Who plays a swarm: how many users there are of each class, and whose the arrivals of an open load are. Pure."""

import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from slotrush.errors import BadInputError
from slotrush.swarm.sessions import Role


@dataclass(frozen=True)
class Part:
    """One class of users, as far as the cast must know it.

    `opens`: they act when an arrival is theirs. `has_tasks`: false when --tags left them nothing to do.
    """

    name: str
    role: Role
    weight: float
    opens: bool
    has_tasks: bool = True


@dataclass(frozen=True)
class Cast:
    """`players`: how many users of each role there are. By name of the class: how many users it always has (`fixed`),
    its `weights` among those that share the rest, 0 for who does not play, and its shares of the arrivals (`shares`).
    """

    players: Mapping[Role, int]
    fixed: Mapping[str, int]
    weights: Mapping[str, float]
    shares: Mapping[str, float]
    all_open: bool

    @property
    def users(self) -> int:
        return sum(self.players.values())


_FIXED_ROLES: Final[tuple[Role, ...]] = ("doctor", "staff")


def cast(parts: Sequence[Part], users: int, doctors: int, staff: int) -> Cast:
    """Give all doctors and staff who have a part one user each, the patients the rest.

    Of `staff` there play at most as many as their weight among the patients' gives them: a clinic's whole reception
    would leave a small swarm no patient.

    Raises BadInputError when that leaves no patient, or nobody has anything to do.
    """
    if not any(part.has_tasks for part in parts):
        raise BadInputError("--tags", "they leave nobody anything to do", "Name tags that tasks of the scenario have")
    patients = [part for part in parts if part.role == "patient" and part.has_tasks]
    fixed: dict[str, int] = {}
    for role in _FIXED_ROLES:
        of_the_role = [part for part in parts if part.role == role and part.has_tasks]
        rest = users - sum(fixed.values())
        fixed |= _split(doctors if role == "doctor" else min(staff, _share(rest, of_the_role, patients)), of_the_role)
    left = users - sum(fixed.values())
    if patients and left <= 0:
        raise BadInputError(
            f"--users {users}",
            f"{users - left} doctors play, which leaves no patient",
            f"Use --users {users - left + 1} or more, or fewer doctors",
        )
    playing = [part for part in parts if part in patients or fixed.get(part.name)]
    if not playing:
        raise BadInputError("sessions", "the bank has nobody who could play", "Write a bank with doctors and staff")
    players: dict[Role, int] = {"patient": left if patients else 0}
    for part in playing:
        if part.role != "patient":
            players[part.role] = players.get(part.role, 0) + fixed[part.name]
    return Cast(
        players=players,
        fixed=fixed,
        weights={part.name: part.weight if part in playing else 0.0 for part in parts},
        shares={part.name: part.weight for part in playing if part.opens},
        all_open=all(part.opens for part in playing),
    )


def _share(users: int, parts: Sequence[Part], patients: Sequence[Part]) -> int:
    """How many of so many users there are at most of these classes, if the patients are the others; all without any."""
    if not patients:
        return sys.maxsize
    weight = sum(part.weight for part in parts)
    share = weight / (weight + sum(part.weight for part in patients)) if weight else 0.0
    return max(min(math.ceil(users * share), users - 1), 0)


def _split(people: int, parts: Sequence[Part]) -> dict[str, int]:
    """So many people over the classes of their role, by weight."""
    found: dict[str, int] = {}
    weight_left = sum(part.weight for part in parts)
    for part in parts:
        found[part.name] = round(people * part.weight / weight_left) if weight_left else 0
        people -= found[part.name]
        weight_left -= part.weight
    return found
