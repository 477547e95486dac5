"""Response times of a station with several equal servers and one queue: M/M/c, and how many servers a load needs.

Arrivals are Poisson at `arrivals_per_s`, service times exponential with mean `service_s`, first come first served.
Source: L. Kleinrock, Queueing Systems, volume 1, Wiley 1975, section 3.5; Erlang 1917. Times are in seconds.
"""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from scipy import optimize

from slotrush.capacity.intervals import positive
from slotrush.errors import BadInputError

_NEARLY: Final = 1e-9
"""Closer than this to the removable singularity of the response-time distribution, its limit is used."""


@dataclass(frozen=True)
class Station:
    """An M/M/c station in balance: `utilisation` is below 1."""

    arrivals_per_s: float
    service_s: float
    servers: int

    def __post_init__(self) -> None:
        """Raises BadInputError for values that are not positive, and for a load that the servers cannot carry."""
        positive("arrivals", self.arrivals_per_s)
        positive("service time", self.service_s)
        positive("servers", self.servers)
        if self.utilisation >= 1:
            raise BadInputError(
                "load",
                f"{self.servers} servers of {self.service_s:g} s a request cannot carry {self.arrivals_per_s:g} per s",
                f"Use more than {math.floor(self.offered)} servers",
            )

    @property
    def offered(self) -> float:
        """The offered load a, arrivals times service time, in erlangs: servers kept busy on average."""
        return self.arrivals_per_s * self.service_s

    @property
    def utilisation(self) -> float:
        """a / c, the share of time for which each server is busy."""
        return self.offered / self.servers

    @cached_property
    def waits(self) -> float:
        """The share of requests that find all servers busy and wait: Erlang's C formula."""
        return erlang_c(self.servers, self.offered)

    @property
    def wait_s(self) -> float:
        """Mean time in the queue: C S / (c - a)."""
        return self.waits * self.service_s / (self.servers - self.offered)

    @property
    def response_s(self) -> float:
        """Mean response time: waiting and service."""
        return self.wait_s + self.service_s

    def slower_than(self, response_s: float) -> float:
        """P(R > t), the share of requests whose response takes longer than t.

        R is an exponential service time plus, for the share C, an exponential wait of rate (c - a) / S.
        """
        t = response_s / self.service_s
        if t <= 0:
            return 1.0
        spare = self.servers - self.offered
        served = math.exp(-t)
        if abs(spare - 1) < _NEARLY:
            return served * (1 + self.waits * t)
        return served + self.waits * (math.exp(-spare * t) - served) / (1 - spare)

    def response_percentile_s(self, share: float) -> float:
        """The response time that the given share of requests stays under, for instance 0.99.

        Raises BadInputError for a share outside (0, 1).
        """
        if not 0 < share < 1:
            raise BadInputError("percentile", f"{share:g} is not between 0 and 1", "Give a share, for instance 0.99")
        beyond = 1 - share
        low, high = 0.0, self.service_s
        while self.slower_than(high) > beyond:
            low, high = high, 2 * high
        return float(optimize.brentq(lambda t: self.slower_than(t) - beyond, low, high, xtol=self.service_s * 1e-9))


def reserve(service_s: float, response_s: float, share: float) -> float:
    """How many of c servers a load must leave idle on average, c - a, for the share of requests to be answered in time.

    It is the same for any c: many servers smooth a burst that one cannot, so a larger part of each can be used. Poisson
    arrivals at nearly full servers whose work differs little from request to request wait longer than t for the share
    exp(-2 (c - a) t / service_s): M/D/c in heavy traffic (Köllerström, Heavy Traffic Theory for Queues with Several
    Servers I, J. Appl. Probability 11(3), 1974; for one server Kingman 1962). Raises BadInputError for a response time
    that is no longer than the service, and for a share outside (0, 1).
    """
    if not 0 < positive("service time", service_s) < response_s:
        raise BadInputError(
            "response time",
            f"{response_s:g} s is no longer than the service alone takes, {service_s:g} s",
            "Allow more time, or give the servers more CPU",
        )
    if not 0 < share < 1:
        raise BadInputError("percentile", f"{share:g} is not between 0 and 1", "Give a share, for instance 0.99")
    return -math.log(1 - share) * service_s / (2 * (response_s - service_s))


def erlang_b(servers: int, offered: float) -> float:
    """The share of requests that c servers without a queue turn away: Erlang's B formula, by its stable recursion.

    B(0) = 1, B(k) = a B(k-1) / (k + a B(k-1)) (Jagerman 1974).
    """
    blocked = 1.0
    for server in range(1, servers + 1):
        blocked = offered * blocked / (server + offered * blocked)
    return blocked


def erlang_c(servers: int, offered: float) -> float:
    """The share of requests that wait in M/M/c: c B / (c - a (1 - B)); 1 from saturation on."""
    if offered >= servers:
        return 1.0
    blocked = erlang_b(servers, offered)
    return servers * blocked / (servers - offered * (1 - blocked))


def servers_for(arrivals_per_s: float, service_s: float, waits_max: float) -> int:
    """The fewest servers with which at most the given share of requests waits, by Erlang's C formula.

    Raises BadInputError for values that are not positive.
    """
    offered = positive("arrivals", arrivals_per_s) * positive("service time", service_s)
    positive("share of requests that wait", waits_max)
    servers = math.floor(offered) + 1
    while erlang_c(servers, offered) > waits_max:
        servers += 1
    return servers
