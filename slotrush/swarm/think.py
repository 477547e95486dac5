"""How long a user of a closed load thinks between an answer and the next request.

exponential:20      a mean of 20 s, without memory: users who start together drift apart
lognormal:20,0.5    a mean of 20 s, the logarithm having a standard deviation of 0.5: few very short ones
constant:20         always 20 s: whoever is in step stays in step
none                the next request follows at once

Everyone is in the middle of a thought at the start: how much of it is left is drawn from the distribution of the time
that is left of a renewal process which has gone on for ever (Cox, Renewal Theory, 1962, chapter 5). So the load is the
same from the first second on, and nobody is in step, not even with a constant time.
"""

import math
import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, Protocol

from slotrush.errors import BadInputError

LONGEST_S: Final = 24 * 3600.0
"""A day: nobody thinks longer, and a larger mean is a slip of the pen."""
WIDEST_SIGMA: Final = 3.0
"""Beyond it a mean says nothing any more: 93 of 100 draws are below it, and it is made by a few of many hours."""
_NUMBER: Final = re.compile(r"[0-9]+(?:\.[0-9]+)?")


class ThinkTime(Protocol):
    """A distribution of times. As a text it is the specification that gives it back."""

    @property
    def mean_s(self) -> float: ...

    def draw_s(self, u: float, v: float, /) -> float:
        """One time, from two independent uniform numbers of [0, 1)."""

    def left_s(self, u: float, v: float, w: float, /) -> float:
        """What is left of a thought at any moment, from three of them: any share of one that is the more likely the
        longer it is."""


@dataclass(frozen=True, slots=True)
class Exponential:
    mean_s: float

    def draw_s(self, u: float, _v: float, /) -> float:
        """By inversion."""
        return -self.mean_s * math.log(1 - u)

    def left_s(self, u: float, v: float, _w: float, /) -> float:
        """As long as any: it has no memory."""
        return self.draw_s(u, v)

    def __str__(self) -> str:
        return f"exponential:{_text(self.mean_s)}"


@dataclass(frozen=True, slots=True)
class LogNormal:
    """`sigma` is the standard deviation of the natural logarithm."""

    mean_s: float
    sigma: float

    def draw_s(self, u: float, v: float, /) -> float:
        """exp(µ + σ²/2) is the mean, so µ = ln(mean) - σ²/2."""
        return self.mean_s * math.exp(self.sigma * (_normal(u, v) - self.sigma / 2))

    def left_s(self, u: float, v: float, w: float, /) -> float:
        """Weighted by its length it is log-normal again, with µ + σ² for µ."""
        return w * self.mean_s * math.exp(self.sigma * (_normal(u, v) + self.sigma / 2))

    def __str__(self) -> str:
        return f"lognormal:{_text(self.mean_s)},{_text(self.sigma)}"


@dataclass(frozen=True, slots=True)
class Constant:
    mean_s: float

    def draw_s(self, _u: float, _v: float, /) -> float:
        return self.mean_s

    def left_s(self, _u: float, _v: float, w: float, /) -> float:
        return w * self.mean_s

    def __str__(self) -> str:
        return f"constant:{_text(self.mean_s)}" if self.mean_s else "none"


def parse_think_time(spec: str) -> ThinkTime:
    """The think time that `spec` describes. Raises BadInputError, which names the part that is wrong."""
    kind, _, rest = spec.partition(":")
    if spec == "none":
        return Constant(0.0)
    if kind == "exponential":
        return Exponential(_mean_s(spec, rest))
    if kind == "constant":
        return Constant(_mean_s(spec, rest))
    if kind == "lognormal":
        mean, _, sigma = rest.partition(",")
        return LogNormal(_mean_s(spec, mean), _sigma(spec, sigma))
    mend = "Write exponential:MEAN, lognormal:MEAN,SIGMA or constant:MEAN with the mean in seconds, or none"
    raise BadInputError(f"--think {spec}", f"{kind!r} is no kind of think time", mend)


def _normal(u: float, v: float) -> float:
    """By Box and Muller 1958."""
    return math.sqrt(-2 * math.log(1 - u)) * math.cos(2 * math.pi * v)


def _mean_s(spec: str, text: str) -> float:
    if _NUMBER.fullmatch(text) and (mean_s := float(text)) <= LONGEST_S:
        return mean_s
    problem = f"its mean {text!r} is not a number of seconds from 0 to {LONGEST_S:,.0f}"
    raise BadInputError(f"--think {spec}", problem, "Write seconds without a unit, e.g. exponential:20")


def _sigma(spec: str, text: str) -> float:
    if _NUMBER.fullmatch(text) and (sigma := float(text)) <= WIDEST_SIGMA:
        return sigma
    problem = f"its sigma {text!r} is not a number from 0 to {WIDEST_SIGMA:g}"
    raise BadInputError(f"--think {spec}", problem, "Write it after the mean, e.g. lognormal:20,0.5")


def _text(value: float) -> str:
    return f"{Decimal(repr(value)):f}".removesuffix(".0")
