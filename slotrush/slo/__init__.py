"""The objectives: read from one YAML file, by everything that judges.

`load()` gives slotrush's own `slo.yaml`, `load(path)` another. `Objectives.of(scenario)` are those of one scenario.
`to_json` and `from_json` take them into another document, and out of it.
"""

from importlib.resources import files
from pathlib import Path

from slotrush.slo.keeping import missed
from slotrush.slo.model import (
    ALL_ENDPOINTS,
    Availability,
    Condition,
    EndpointClass,
    Fact,
    Figure,
    Latency,
    Limit,
    Objective,
    Objectives,
    Position,
    TimedFrom,
)
from slotrush.slo.reader import read
from slotrush.slo.stored import from_json, to_json

__all__ = [
    "ALL_ENDPOINTS",
    "Availability",
    "Condition",
    "EndpointClass",
    "Fact",
    "Figure",
    "Latency",
    "Limit",
    "Objective",
    "Objectives",
    "Position",
    "TimedFrom",
    "from_json",
    "load",
    "missed",
    "to_json",
]


def load(path: Path | None = None) -> Objectives:
    """The objectives of a file, or slotrush's own. Raises BadInputError, which names the file and the line."""
    return read(path or Path(str(files(__package__).joinpath("slo.yaml"))))
