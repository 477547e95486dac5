"""How often an interval of the gate is wrong, on simulated runs whose true share of good requests is known.

Failures come in bursts: their probability in a second is log-normal about its mean and remembers the second before.
A gate is wrong when the whole interval lies above the truth (it would pass what is just missed) or below it.
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.special import ndtri

from slotrush.gate.interval import CONFIDENCE, Numbers, proportion

TAIL: Final = (1 - CONFIDENCE) / 2
RESAMPLES: Final = 400
SEED: Final = 1


@dataclass(frozen=True)
class Setting:
    """`strength` is the standard deviation of the logarithm of a second's failures, `memory` its autocorrelation."""

    name: str
    seconds: int
    requests_per_s: int
    bad: float
    memory: float
    strength: float


SETTINGS: Final = (
    Setting("a minute, failures on their own", 60, 50, 0.01, 0.0, 0.0),
    Setting("a minute, bursts", 60, 50, 0.01, 0.6, 1.0),
    Setting("five minutes, bursts", 300, 50, 0.01, 0.6, 1.0),
    Setting("half a minute, busy, bursts", 30, 200, 0.01, 0.5, 1.0),
    Setting("fifteen seconds, busy, bursts", 15, 200, 0.01, 0.3, 1.0),
    Setting("five minutes, rare failures, bursts", 300, 100, 0.001, 0.5, 1.0),
)


def simulate(setting: Setting, dice: np.random.Generator) -> tuple[Numbers, Numbers]:
    """Good requests and all requests, by second."""
    level = np.empty(setting.seconds)
    level[0] = dice.normal()
    fresh = np.sqrt(1 - setting.memory**2)
    for second in range(1, setting.seconds):
        level[second] = setting.memory * level[second - 1] + fresh * dice.normal()
    chance = np.minimum(setting.bad * np.exp(setting.strength * level - setting.strength**2 / 2), 1)
    total = dice.poisson(setting.requests_per_s, setting.seconds)
    return (total - dice.binomial(total, chance)).astype(float), total.astype(float)


def of_the_gate(good: Numbers, total: Numbers, _: np.random.Generator) -> tuple[float, float]:
    estimate = proportion(good[:, None], total[:, None], stages=False)
    assert estimate is not None
    return estimate.low, estimate.high


def wilson(good: Numbers, total: Numbers, _: np.random.Generator) -> tuple[float, float]:
    """As if requests were independent: Wilson, Journal of the American Statistical Association 22 (1927) 209-212."""
    z, count, share = -float(ndtri(TAIL)), total.sum(), good.sum() / total.sum()
    middle = (share + z**2 / 2 / count) / (1 + z**2 / count)
    half = z * np.sqrt(share * (1 - share) / count + (z / 2 / count) ** 2) / (1 + z**2 / count)
    return float(middle - half), float(middle + half)


def bootstrap(good: Numbers, total: Numbers, dice: np.random.Generator) -> tuple[float, float]:
    """The percentiles of a moving-block bootstrap with blocks of the cube root."""
    seconds = len(good)
    length = int(np.cbrt(seconds))
    starts = dice.integers(0, seconds - length + 1, (RESAMPLES, -(-seconds // length)))
    drawn = (starts[:, :, None] + np.arange(length)).reshape(RESAMPLES, -1)[:, :seconds]
    low, high = np.quantile(good[drawn].sum(axis=1) / total[drawn].sum(axis=1), [TAIL, 1 - TAIL])
    return float(low), float(high)


METHODS: Final[dict[str, Callable[[Numbers, Numbers, np.random.Generator], tuple[float, float]]]] = {
    "gate": of_the_gate,
    "plain binomial": wilson,
    "bootstrap percentiles": bootstrap,
}


def wrong(setting: Setting, runs: int) -> dict[str, tuple[float, float]]:
    """By method, the shares of runs whose interval lies above the truth, and below it."""
    dice = np.random.default_rng(SEED)
    counts = {name: [0, 0] for name in METHODS}
    for _ in range(runs):
        good, total = simulate(setting, dice)
        for name, method in METHODS.items():
            low, high = method(good, total, dice)
            counts[name][0] += low > 1 - setting.bad
            counts[name][1] += high < 1 - setting.bad
    return {name: (above / runs, below / runs) for name, (above, below) in counts.items()}


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench-intervals", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--runs", type=int, default=2_000, help="simulated runs of each setting")
    options = parser.parse_args()
    if options.runs <= 0:
        parser.error("--runs must be more than 0")
    print(f"{'':38}" + "".join(f"{name:>24}" for name in METHODS))
    for setting in SETTINGS:
        cells = (f"{above:.1%} / {below:.1%}" for above, below in wrong(setting, options.runs).values())
        print(f"{setting.name:38}" + "".join(f"{cell:>24}" for cell in cells))


if __name__ == "__main__":
    main()
