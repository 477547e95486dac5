"""Whether a target still keeps the objectives at the present step of its load. Pure: fed with what workers report.

It decides during the run when to stop, by counts that are rounded to ms; what the report says of each step comes from
the histograms of the run record.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from slotrush.slo import Availability, Latency, Objectives, missed

if TYPE_CHECKING:
    from slotrush.swarm.standings import Answers


@dataclass
class StepTally:
    """What was answered since a step began, by endpoint; `arrivals` were due, `dropped` of them never started."""

    good: Counter[str] = field(default_factory=Counter)
    total: Counter[str] = field(default_factory=Counter)
    times_ms: dict[str, Counter[int]] = field(default_factory=dict)
    arrivals: int = 0
    dropped: int = 0

    def add(self, answers: "Mapping[str, Answers]") -> None:
        for endpoint, counts in answers.items():
            self.good[endpoint] += counts.good
            self.total[endpoint] += counts.good + counts.refused + counts.bad
            self.times_ms.setdefault(endpoint, Counter()).update(counts.times_ms)


def broken(tally: StepTally, objectives: Objectives, scenario: str) -> tuple[str, ...]:
    """The names of the objectives that the step did not keep; an open load must not drop arrivals either."""

    def kept(objective: Availability | Latency) -> tuple[int, int]:
        endpoints = [name for name in tally.total if objectives.covers(objective.endpoints, name)]
        good = sum(tally.good[name] for name in endpoints)
        if isinstance(objective, Latency):
            good -= sum(_late(tally.times_ms[name], objective.threshold_ms) for name in endpoints)
        return good, sum(tally.total[name] for name in endpoints)

    return missed(objectives.of(scenario), kept, tally.arrivals, tally.dropped)


def _late(times_ms: Counter[int], threshold_ms: float) -> int:
    return sum(count for time_ms, count in times_ms.items() if time_ms >= threshold_ms)
