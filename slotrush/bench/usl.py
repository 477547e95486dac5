"""How often the 95 % intervals of a scaling law hold the truth, for each way to bootstrap them: scripts/bench-usl.

`python -m slotrush.bench.usl [--trials 1000] [--noise 0.05] [--resamples 999]`. Measures synthetic systems with known
coefficients again and again with random errors, fits each, and counts. Ends with exit code 1 if the method that
`slotrush.capacity.usl` uses covers sigma or kappa in less than 93 % of the trials, be the error of a point known, as in
a sweep, or not. Resampling the points themselves
(a pairs bootstrap) is not among the methods: a quarter of the resamples of six points have less than four different
loads, which determine no law.
"""

import argparse
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

import numpy as np

from slotrush.capacity.intervals import TAIL, Floats, Interval
from slotrush.capacity.scaling import Form, Noise, fit_free, leverages, predicted, response
from slotrush.capacity.scaling_law import Law
from slotrush.capacity.usl import UslFit, fit
from slotrush.errors import BadInputError

COVERAGE_MIN: Final = 0.93
TARGETS: Final = ("sigma", "kappa", "gamma", "at 1.5x", "at 2x")
USED: Final = "scale drawn (used)"
TEXTBOOK: Final = ("plain residuals", "wild")
SWEEPS: Final = "error known (sweeps)"
SWEEPS_AMDAHL: Final = "  the same, Amdahl's form"
UNDERSTATED: Final = "  known as too small"
UNDERSTATED_BY: Final = 1.4


@dataclass(frozen=True)
class System:
    """What is measured: a law, and the loads at which it is."""

    law: Law
    loads: tuple[int, ...]


SYSTEMS: Final = (
    System(Law(100.0, 0.05, 0.002), (1, 2, 3, 4, 6, 8)),
    System(Law(100.0, 0.05, 0.002), (1, 2, 3, 4, 6, 8, 12, 16)),
    System(Law(100.0, 0.02, 0.0), (1, 2, 3, 4, 6, 8)),
    System(Law(100.0, 0.03, 0.0005), (1, 2, 4, 8, 16, 32, 64)),
)

Scatter = Callable[[Floats, int, np.random.Generator], Floats]


def plain(errors: Floats, resamples: int, rng: np.random.Generator) -> Floats:
    """Residuals, centred and drawn with replacement (Efron 1979)."""
    return np.asarray(rng.choice(errors - np.mean(errors), (resamples, len(errors))))


def wild(errors: Floats, resamples: int, rng: np.random.Generator) -> Floats:
    """Each point's own residual with a random sign (Davidson and Flachaire 2008); leverage is divided out before."""
    return np.asarray(errors * rng.choice((-1.0, 1.0), (resamples, len(errors))))


def measure(system: System, noise: float, rng: np.random.Generator) -> Floats:
    """One series of measurements with normal errors of the given relative size: shape (loads,)."""
    exact = np.asarray([system.law.throughput(load) for load in system.loads])
    return np.asarray(exact * (1 + noise * rng.standard_normal(len(exact))))


def textbook(system: System, throughputs: Floats, scatter: Scatter, resamples: int) -> dict[str, Interval]:
    """Percentile intervals of sigma, kappa and gamma by one of the textbook methods."""
    loads = np.asarray(system.loads, np.float64)
    free = fit_free(loads, response(throughputs, Noise.RELATIVE)[None], Noise.RELATIVE)
    curve = predicted(free, loads, Noise.RELATIVE)
    errors = (response(throughputs, Noise.RELATIVE) - curve)[0]
    if scatter is wild:
        errors = errors / np.sqrt(np.maximum(1 - leverages(free[0], loads, Noise.RELATIVE), 1e-6))
    rng = np.random.default_rng(0)
    constant, linear, square = fit_free(loads, curve + scatter(errors, resamples, rng), Noise.RELATIVE).T
    values = {"sigma": np.maximum(linear / constant, 0), "kappa": np.maximum(square / constant, 0)}
    values["gamma"] = 1 / constant
    return {name: _percentiles(draws) for name, draws in values.items()}


def ours(system: System, fitted: UslFit) -> dict[str, Interval]:
    """The intervals of `usl.fit`, with those of two predictions beyond the measured loads."""
    most = max(system.loads)
    return {
        "sigma": fitted.sigma,
        "kappa": fitted.kappa,
        "gamma": fitted.gamma,
        "at 1.5x": fitted.predict(1.5 * most),
        "at 2x": fitted.predict(2 * most),
    }


def truths(system: System) -> dict[str, float]:
    law, most = system.law, max(system.loads)
    values = (law.sigma, law.kappa, law.gamma, law.throughput(1.5 * most), law.throughput(2 * most))
    return dict(zip(TARGETS, values, strict=True))


def as_sweeps_do(system: System, noise: float) -> list[tuple[str, float, Form]]:
    """Methods of a sweep, whose searches say the error of a point: the error, and the declared form. Amdahl's is wrong
    for a system with coherency."""
    methods = [(SWEEPS, noise, Form.UNIVERSAL)]
    if system.law.kappa == 0:
        methods += [(SWEEPS_AMDAHL, noise, Form.AMDAHL), (UNDERSTATED, noise / UNDERSTATED_BY, Form.AMDAHL)]
    return methods


def coverage(system: System, noise: float, trials: int, resamples: int) -> tuple[dict[str, dict[str, float]], int]:
    """For each method the share of trials in which each interval holds the truth; and how many fits were refused.

    A refused fit gives no interval and counts for no method.
    """
    rng = np.random.default_rng(20_261_121)
    hits: dict[str, dict[str, int]] = {}
    fits: Counter[str] = Counter()
    refused = 0
    truth = truths(system)
    for _ in range(trials):
        throughputs = measure(system, noise, rng)
        try:
            fitted = fit(system.loads, throughputs.tolist(), resamples=resamples)
        except BadInputError:
            refused += 1
            continue
        found = {
            "plain residuals": textbook(system, throughputs, plain, resamples),
            "wild": textbook(system, throughputs, wild, resamples),
            USED: ours(system, fitted),
        }
        for method, error, form in as_sweeps_do(system, noise):
            with suppress(BadInputError):  # by the test of the misfit
                found[method] = ours(
                    system,
                    fit(system.loads, throughputs.tolist(), form=form, measurement_error=error, resamples=resamples),
                )
        for method, intervals in found.items():
            counts = hits.setdefault(method, dict.fromkeys(intervals, 0))
            fits[method] += 1
            for name, interval in intervals.items():
                counts[name] += truth[name] in interval
    shares = {method: {name: count / fits[method] for name, count in counts.items()} for method, counts in hits.items()}
    return shares, refused


def _percentiles(draws: Floats) -> Interval:
    low, mid, high = np.quantile(draws, (TAIL, 0.5, 1 - TAIL))
    return Interval(float(low), float(mid), float(high))


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench-usl", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--trials", type=int, default=1_000)
    parser.add_argument("--noise", type=float, default=0.05, help="relative error of one measurement")
    parser.add_argument("--resamples", type=int, default=999)
    options = parser.parse_args()
    enough = True
    for system in SYSTEMS:
        covered, refused = coverage(system, options.noise, options.trials, options.resamples)
        print(f"{system.law} at {system.loads}, {options.noise:.0%} noise, {options.trials} trials, {refused} refused")
        print(f"  {'coverage of 95 % intervals':28}" + "".join(f"{name:>9}" for name in TARGETS))
        for method, shares in covered.items():
            cells = (f"{shares[name]:9.1%}" if name in shares else f"{'':9}" for name in TARGETS)
            print(f"  {method:28}" + "".join(cells), flush=True)
        checked = [shares for method, shares in covered.items() if method not in TEXTBOOK]
        enough &= min(min(shares["sigma"], shares["kappa"]) for shares in checked) >= COVERAGE_MIN
    raise SystemExit(0 if enough else 1)


if __name__ == "__main__":
    main()
