"""When points give no scaling law: too few of them, no measurements at all, or points that follow none."""

import math
from collections.abc import Sequence
from typing import Final

from scipy import stats

from slotrush.capacity.intervals import Floats, column
from slotrush.errors import BadInputError

RESIDUAL_MAX: Final = 0.15
"""Typical error of a law that is of use: three times the 5 % that load tests scatter by."""
SUPERLINEAR_P: Final = 0.01
MISFIT_P: Final = 0.001
"""Chance of refusing points that do follow the law, in the two tests below."""
MISFIT_MIN: Final = RESIDUAL_MAX / 2
"""Errors that the measurement does not explain widen a law's intervals; a law that is typically farther off is none."""
HARMLESS: Final = 0.02
"""Superlinear growth is not worth a refusal where the law is still right to this share."""
_MORE_LOADS: Final = "Measure more numbers of replicas, for instance 1, 2, 3, 4, 6 and 8, or repeat the noisy ones"


def checked(loads: Sequence[float], throughputs: Sequence[float], coefficients: int) -> tuple[Floats, Floats]:
    """Loads and throughputs as vectors, if a law with so many coefficients can be fitted to them and be contradicted.

    Raises BadInputError for lengths that differ, values that are no measurement, and too few different loads: through
    as many as there are coefficients some law always passes.
    """
    if len(loads) != len(throughputs):
        raise BadInputError(
            "scaling points", f"{len(loads)} loads but {len(throughputs)} throughputs", "Give one throughput per load"
        )
    at, measured = column(loads), column(throughputs)
    for load, throughput in zip(at.tolist(), measured.tolist(), strict=True):
        if not (1 <= load < math.inf and 0 < throughput < math.inf):
            raise BadInputError(
                "scaling points",
                f"load {load:g} with throughput {throughput:g} is no measurement",
                "A load is at least 1 and a throughput above 0: measure this point again or leave it out",
            )
    distinct = len(set(at.tolist()))
    if distinct <= coefficients:
        raise BadInputError(
            "scaling points",
            f"{distinct} different loads are too few for a law with {coefficients} coefficients, "
            f"which needs {coefficients + 1} at least",
            _MORE_LOADS,
        )
    return at, measured


def refuse_scatter(typical: float) -> None:
    """Raises BadInputError when the typical error, as a share of the throughput, is more than 15 %."""
    if typical > RESIDUAL_MAX:
        raise BadInputError(
            "scaling points",
            f"they follow no scaling law: the best one is typically {typical:.0%} off, more than {RESIDUAL_MAX:.0%}",
            "Look for what changed between the points (another bottleneck, a busy machine) and measure them again",
        )


def refuse_superlinear(errors: Floats, free_errors: Floats, active: int, degrees: int) -> None:
    """F test of the bounds: would the `active` coefficients, if they could be negative, fit significantly better?

    Raises BadInputError if so, as throughput then grows faster than the load.
    """
    squares, free_squares = float(errors @ errors), float(free_errors @ free_errors)
    if not active:
        return
    ratio = (squares - free_squares) / active / (free_squares / degrees) if free_squares else math.inf
    if stats.f.sf(ratio, active, degrees) < SUPERLINEAR_P:
        raise BadInputError(
            "scaling points",
            "they follow no scaling law: throughput grows faster than the number of replicas",
            "The first points are probably too low (cold caches, a warm-up that was too short): measure them again",
        )


def refuse_misfit(errors: Floats, measurement_error: float, degrees: int, unit: float) -> None:
    """Chi-squared test: raises BadInputError for errors that the measurement error makes all but impossible.

    Those of up to 7.5 % are not refused. `unit` is 1 for errors that are shares, else the mean throughput.
    """
    chi_squared = float(errors @ errors) / measurement_error**2
    typical = math.sqrt(float(errors @ errors) / degrees)
    if typical > MISFIT_MIN * unit and stats.chi2.sf(chi_squared, degrees) < MISFIT_P:
        raise BadInputError(
            "scaling points",
            f"they follow no scaling law: the best one is typically {typical:.2g} off, "
            f"which a measurement error of {measurement_error:.2g} does not explain",
            "Look for a bottleneck that begins between the points, or measure the error of a point anew",
        )
