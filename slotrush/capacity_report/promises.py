"""What the system was held to: the objectives of a report's material, as they are for the sweep's scenario."""

from typing import TypeGuard

from slotrush import slo
from slotrush.capacity_report.material import Material
from slotrush.slo import ALL_ENDPOINTS, Availability, Latency, Objective, Objectives
from slotrush.sweep.model import SCENARIO


def objectives(material: Material) -> Objectives:
    """Those that the plan carries, else those in the sweep's file, else slotrush's own.

    Raises BadInputError for what is none in the plan, and for a file that cannot be read any more.
    """
    if (planned := material.planned) is not None:
        return slo.from_json(planned.plan.objectives, f"plan {planned.file}")
    return material.swept.sweep.settings.objectives() if material.swept else slo.load()


def made(of: Objectives) -> tuple[Availability | Latency, ...]:
    """The promises to patients."""
    return tuple(one for one in of.of(SCENARIO) if _is_promise(one))


def availability_target(of: Objectives, scenario: str | None = SCENARIO) -> float | None:
    """The strictest objective for the availability of all requests together; None when there is none."""
    return max((one.target for one in of.of(scenario) if _is_of_all(one)), default=None)


def _is_promise(one: Objective) -> TypeGuard[Availability | Latency]:
    return isinstance(one, Availability | Latency) and not one.skip


def _is_of_all(one: Objective) -> TypeGuard[Availability]:
    return isinstance(one, Availability) and not one.skip and one.endpoints == ALL_ENDPOINTS
