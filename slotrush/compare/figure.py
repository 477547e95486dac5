"""What is compared: amounts of which less is better."""

from dataclasses import dataclass
from enum import StrEnum


class Unit(StrEnum):
    CPU = "µs of CPU per request"
    STATEMENTS = "statements per request"
    MEMORY = "bytes per replica"
    TIME = "ms"
    COUNT = "count"
    SHARE = "share of requests"


@dataclass(frozen=True)
class Figure:
    """An amount of which less is better.

    `minimum_effect`: the growth that matters, as a share of the amount (a share of requests grows by it as it is); less
    than that is nobody's business. `is_portable`: it does not depend on the machine.
    """

    name: str
    title: str
    unit: Unit
    minimum_effect: float
    is_portable: bool = False
