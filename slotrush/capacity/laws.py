"""The operational laws that any measurement must obey, and by how much the measured numbers disagree with them.

They hold for every system in balance over the time of measurement, whatever its distributions. Source: P. J. Denning
and J. P. Buzen, The Operational Analysis of Queueing Network Models, ACM Computing Surveys 10(3), 1978,
doi:10.1145/356733.356735; E. D. Lazowska et al., Quantitative System Performance, Prentice Hall 1984, chapter 3.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from slotrush.capacity.intervals import TAIL, Floats, Interval, column, positive
from slotrush.errors import BadInputError


@dataclass(frozen=True)
class Check:
    """What a law demands and what was measured, in the same unit."""

    law: str
    expected: float
    measured: float

    @property
    def disagreement(self) -> float:
        """How far the measured number is above (or below: negative) the expected one, as a share of the latter."""
        return self.measured / self.expected - 1


@dataclass(frozen=True)
class ServiceDemand:
    """What one request costs a component, from its utilisation at several throughputs.

    `demand_s` is busy seconds of one server per request, `idle` the utilisation (servers kept busy) without requests.
    """

    demand_s: float
    idle: float
    checks: tuple[Check, ...]

    @property
    def worst_disagreement(self) -> float:
        """The largest disagreement of a point with the utilisation law, without sign."""
        return max(abs(check.disagreement) for check in self.checks)


@dataclass(frozen=True)
class CpuUse:
    """What keeps a part's cores busy: seconds per request, and `idle_cores` that are busy without any.

    `idle_cores` is the estimate alone. A steeper line has less of it, so a limit by both is on the safe side.
    """

    s_per_request: Interval
    idle_cores: float = 0.0


def requests_in_system(throughput_per_s: float, response_s: float) -> float:
    """Little's law: N = X R, the mean number of requests in the system (Little 1961, doi:10.1287/opre.9.3.383)."""
    return throughput_per_s * response_s


def closed_throughput_per_s(patients: float, response_s: float, think_time_s: float) -> float:
    """The interactive response time law: X = N / (R + Z) requests per second from N patients who think for Z s."""
    return patients / (response_s + think_time_s)


def closed_patients(throughput_per_s: float, response_s: float, think_time_s: float) -> float:
    """The same law, solved for patients: N = X (R + Z)."""
    return throughput_per_s * (response_s + think_time_s)


def utilisation(throughput_per_s: float, demand_s: float, servers: float = 1) -> float:
    """The utilisation law: U = X D / m, the mean share of time for which each of m servers is busy; 1 is saturation."""
    return throughput_per_s * demand_s / servers


def check_little(throughput_per_s: float, response_s: float, in_system: float) -> Check:
    """Does the mean number of requests in the system agree with throughput and response time?

    Raises BadInputError for values that are not positive.
    """
    expected = requests_in_system(positive("throughput", throughput_per_s), positive("response time", response_s))
    return Check("little", expected, positive("requests in the system", in_system))


def check_utilisation(throughputs_per_s: Sequence[float], busy_servers: Sequence[float]) -> ServiceDemand:
    """Fit U = U0 + X D to a component's utilisations (servers busy on average; may exceed 1) and check each point.

    The demand D is what a request costs whatever the load: a component whose points disagree does other work at other
    loads, or is measured wrongly. Raises BadInputError for fewer than two different throughputs, for values that are
    not positive and for a utilisation that falls while the throughput rises.
    """
    rates, busy = column(throughputs_per_s), column(busy_servers)
    if len(rates) != len(busy) or len(set(rates.tolist())) < 2:
        raise BadInputError(
            "utilisations",
            f"{len(rates)} throughputs and {len(busy)} utilisations do not give a demand per request",
            "Measure the component at two different throughputs at least",
        )
    for rate, used in zip(rates.tolist(), busy.tolist(), strict=True):
        positive("throughput", rate)
        positive("utilisation", used)
    demand_s, idle = _line(rates, busy)
    if demand_s <= 0:
        raise BadInputError(
            "utilisations",
            "they fall while the throughput rises, so they are not those of a component that does the work",
            "Check which process was measured, and that no other work ran beside the first point",
        )
    checks = (
        Check("utilisation", idle + utilisation(rate, demand_s), used)
        for rate, used in zip(rates.tolist(), busy.tolist(), strict=True)
    )
    return ServiceDemand(demand_s, idle, tuple(checks))


def cpu_use(throughputs_per_s: Sequence[float], busy_cores: Sequence[float]) -> CpuUse | None:
    """The same line with the 95 % t-interval of its slope; on the logarithm, as no request costs less than nothing.

    Use that does not rise with the throughput is taken as if requests were all that causes it. None for fewer than
    three measurements. Source: N. R. Draper and H. Smith, Applied Regression Analysis, Wiley 1998, sections 1.4, 1.5.
    """
    rates, busy = column(throughputs_per_s), column(busy_cores)
    if len(rates) < 3:
        return None
    demand_s, idle = _line(rates, busy) if len(set(rates.tolist())) > 1 else _through_origin(rates, busy)
    if demand_s <= 0:
        demand_s, idle = _through_origin(rates, busy)
    freedom, spread = (len(rates) - 2, rates - np.mean(rates)) if idle else (len(rates) - 1, rates)
    scatter = busy - idle - rates * demand_s
    error_s = float(np.sqrt(scatter @ scatter / freedom / (spread @ spread)))
    within = 1 + float(stats.t.ppf(1 - TAIL, freedom)) * error_s / demand_s
    return CpuUse(Interval(demand_s / within, demand_s, demand_s * within), idle)


def _line(rates: Floats, busy: Floats) -> tuple[float, float]:
    """Slope and intercept by least squares, the latter not below 0."""
    slope, intercept = (float(value) for value in np.polyfit(rates, busy, 1))
    return (slope, intercept) if intercept >= 0 else _through_origin(rates, busy)


def _through_origin(rates: Floats, busy: Floats) -> tuple[float, float]:
    return float(rates @ busy / (rates @ rates)), 0.0
