"""What a short swarm says of its rate: pass, fail, or nothing.

The gate asks how sure one run makes us, and of 99.9 % of some thousand requests none is. The search asks another
question: it puts many swarms together and knows that near the limit chance decides. So each gives its plain figure.
"""

from collections.abc import Sequence
from typing import Final

from slotrush.capacity.bisect import Verdict
from slotrush.gate import Outcome
from slotrush.gate import Verdict as Judged
from slotrush.slo import Availability, Latency
from slotrush.summary.model import Fault

DROPPED: Final = "dropped"
"""The cause of a fault of the generator that is the target's: everybody who could ask was still waiting."""


def of(judged: Judged, faults: Sequence[Fault]) -> tuple[Verdict, str]:
    """The verdict, and why it is no pass. Only objectives of availability and latency count: a limit on what a request
    costs says nothing of how many there may be."""
    spoiled = [fault for fault in faults if fault.cause != DROPPED]
    if spoiled:
        return Verdict.UNDECIDED, f"the generator was the bottleneck: {spoiled[0].sentence}"
    if judged.lacking:
        return Verdict.UNDECIDED, judged.lacking[0]
    held = [
        (result.objective, result.estimate)
        for result in judged.results
        if isinstance(result.objective, Availability | Latency)
        and result.outcome is not Outcome.SKIPPED
        and result.estimate is not None
    ]
    missed = [
        f"{objective.name}: {estimate.figure:.2%} of {objective.target:.2%}"
        for objective, estimate in held
        if isinstance(objective, Availability | Latency) and estimate.figure < objective.target
    ]
    if faults:
        missed.append(f"{sum(fault.requests for fault in faults)} arrivals found everybody still waiting")
    if missed:
        return Verdict.FAIL, "; ".join(missed)
    if not held:
        return Verdict.UNDECIDED, judged.no_window or "no request was answered"
    return Verdict.PASS, ""
