"""The Universal Scalability Law: throughput against the number of replicas (or processors, or users), with intervals.

    X(N) = gamma N / (1 + sigma (N-1) + kappa N(N-1))

N is the load: replicas, processors, users. X is throughput, in any unit per unit of time. gamma is the throughput at
N = 1; sigma (contention: the serial share, as in Amdahl's law) and kappa (coherency: the cost of agreeing pairwise)
have no unit and are not negative. Source: N. J. Gunther, Guerrilla Capacity Planning, Springer 2007, chapters 4 to 6;
with gamma: Gunther, Puglia and Tomasette, ACM Queue 13(5), 2015, doi:10.1145/2773212.2789974.
"""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Law:
    """The law with given coefficients; `gamma` in the throughput's unit, `sigma` and `kappa` without one."""

    gamma: float
    sigma: float
    kappa: float

    def throughput(self, load: float) -> float:
        """X(N), in the unit of gamma."""
        return self.gamma * load / (1 + self.sigma * (load - 1) + self.kappa * load * (load - 1))

    def gain(self, load: float) -> float:
        """X'(N) / gamma: what a little more load brings, as a share of what the first unit does."""
        slowed = 1 + self.sigma * (load - 1) + self.kappa * load * (load - 1)
        return (1 - self.sigma - self.kappa * load**2) / slowed**2

    @property
    def peak_load(self) -> float:
        """N* = sqrt((1 - sigma) / kappa), where throughput is highest; infinite when it only grows."""
        if self.sigma >= 1:
            return 1.0
        return max(1.0, math.sqrt((1 - self.sigma) / self.kappa)) if self.kappa > 0 else math.inf

    @property
    def peak_throughput(self) -> float:
        """X(N*); Amdahl's asymptote gamma / sigma where kappa = 0, and infinite where sigma = 0 too."""
        if math.isfinite(self.peak_load):
            return self.throughput(self.peak_load)
        return self.gamma / self.sigma if self.sigma > 0 else math.inf

    @property
    def knee_load(self) -> float:
        """X(N*) / gamma, where the line that N = 1 begins reaches the highest throughput: 1 / sigma where kappa = 0.

        Replicas beyond it cannot pay, even if the first of them scaled perfectly. Source: R's `usl`, optimal.scale.
        """
        return self.peak_throughput / self.gamma
