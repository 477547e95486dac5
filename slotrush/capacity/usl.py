"""Fits the scaling law (`scaling_law`) to measurements, with intervals; refuses points that follow none."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final, TypeVar

import numpy as np
from scipy import optimize

from slotrush.capacity.intervals import Floats, Interval, around
from slotrush.capacity.refusals import HARMLESS, checked, refuse_misfit, refuse_scatter, refuse_superlinear
from slotrush.capacity.scaling import (
    Form,
    Noise,
    design,
    fit_bounded,
    fit_free,
    leverages,
    predicted,
    response,
)
from slotrush.capacity.scaling_law import Law
from slotrush.errors import BadInputError

Number = TypeVar("Number", float, Floats)

_FARTHEST: Final = 1_000.0
"""A resample's throughputs are kept within so many times the measured ones: with one degree of freedom the drawn scale
of the errors may be anything, also what no computer can add."""
RESAMPLES: Final = 2_000
_SEED: Final = 20_070_615


@dataclass(frozen=True, eq=False)
class UslFit:
    """A fitted law, the points it comes from, and what its coefficients could as well have been.

    `residuals` are measured minus fitted, as shares of the fitted throughput; `noise_sd` is the typical error of one
    measurement (a share for relative noise, else in the throughput's unit). `draws` has shape (resamples, 3), its
    columns gamma, sigma, kappa, all within their bounds. Of every load, `reserve` stays unused: the throughput is
    X(N) (N - reserve) / N.
    """

    law: Law
    loads: tuple[float, ...]
    throughputs: tuple[float, ...]
    residuals: tuple[float, ...]
    noise: Noise
    noise_sd: float
    gamma: Interval
    sigma: Interval
    kappa: Interval
    reserve: float
    draws: Floats = field(repr=False)

    @cached_property
    def peak_load(self) -> Interval:
        """The load of highest throughput; its ends may be infinite."""
        return around(self.law.peak_load, [law.peak_load for law in self._laws()])

    @cached_property
    def knee_load(self) -> Interval:
        """The load where linear growth would reach the highest throughput; its ends may be infinite."""
        return around(self.law.knee_load, [law.knee_load for law in self._laws()])

    def throughput(self, load: float) -> float:
        return self.law.throughput(load) * _useful(load, self.reserve)

    def throughput_draws(self, load: float) -> Floats:
        """The throughput under each draw of the coefficients: shape (resamples,)."""
        gamma, sigma, kappa = self.draws.T
        whole = gamma * load / (1 + sigma * (load - 1) + kappa * load * (load - 1))
        return np.asarray(whole * _useful(load, self.reserve))

    def predict(self, load: float) -> Interval:
        """The law's throughput at a load, measured or not, with the uncertainty of the law itself."""
        return around(self.throughput(load), self.throughput_draws(load))

    def predict_measurement(self, load: float) -> Interval:
        """What one more measurement at this load would show: the law's uncertainty and that of the measurement."""
        z = np.random.default_rng(_SEED).standard_normal(len(self.draws))
        curve = self.throughput_draws(load)
        noisy = curve * np.exp(self.noise_sd * z) if self.noise is Noise.RELATIVE else curve + self.noise_sd * z
        return around(self.throughput(load), noisy)

    def _laws(self) -> list[Law]:
        return [Law(*(float(value) for value in row)) for row in self.draws]


def fit(
    loads: Sequence[float],
    throughputs: Sequence[float],
    *,
    form: Form = Form.UNIVERSAL,
    noise: Noise = Noise.RELATIVE,
    measurement_error: float | None = None,
    reserve: float = 0.0,
    resamples: int = RESAMPLES,
    seed: int = _SEED,
) -> UslFit:
    """Fit the law by least squares with sigma, kappa >= 0 and take 95 % intervals by bootstrap.

    `loads` may hold repeats. `measurement_error` is the typical error of one point, if it is known from elsewhere (a
    share for relative noise); with few points it makes the intervals much narrower than the residuals alone can.
    `form` is to be chosen before the points are seen: Amdahl's predicts better beyond few and noisy points of a system
    without much coherency, and is wrong, with too narrow intervals, for one that has it. `reserve` is how much of each
    load is known to stay unused, for instance for the sake of response times (`queueing.reserve`).

    The bootstrap resamples residuals, each divided by sqrt(1 - leverage), and draws their scale anew for each resample
    from χ² with (points - coefficients) degrees of freedom, as the true scale is not known either; for a known
    measurement error it draws normal errors of that scale, or of the residuals' where that is larger (Particle Data
    Group, Review of Particle Physics 2024, section 5.2.2: the scale factor). Plain residual and wild bootstraps cover
    only 73 to 92 % at 6 to 8 points where 95 % is meant; this one 93 to 98 % (`scripts/bench-usl` measures it).
    Intervals of sigma and kappa come from fits without bounds and are then cut at 0, where they cover best; predictions
    come from fits with bounds. Sources: Davison and Hinkley, Bootstrap Methods and their Application, Cambridge 1997,
    chapter 6; for the drawn scale Gelman et al., Bayesian Data Analysis, 3rd ed., section 14.2.

    Raises BadInputError for loads below 1 or not above the reserve, for values that are not positive, for too few
    different loads (four at least, or three for Amdahl's form), and for points that follow no such law: residuals of
    typically more than 15 %, or more than 7.5 % and than a known measurement error explains (χ² test at 0.1 %); without
    one, growth that is significantly faster than linear (F test at 1 %).
    """
    at, measured = checked(loads, throughputs, len(form.free))
    useful = _useful(at, _checked_reserve(reserve, at))
    responses = response(measured / useful, noise)
    degrees = len(at) - len(form.free)
    bounded = _least_squares(at, responses, noise, form)
    errors = responses - predicted(bounded[None], at, noise)[0]
    free = fit_free(at, responses[None], noise, form.free)[0]
    free_errors = responses - predicted(free[None], at, noise)[0]

    typical = math.sqrt(float(errors @ errors) / degrees)
    unit = 1.0 if noise is Noise.RELATIVE else float(np.mean(measured))
    off = typical / unit
    if measurement_error is not None:
        refuse_misfit(errors, measurement_error, degrees, unit)
    elif off > HARMLESS:
        refuse_superlinear(errors, free_errors, int(np.sum(free < 0)), degrees)
    refuse_scatter(off)

    rng = np.random.default_rng(seed)
    if measurement_error is None:
        scatter = _scaled_residuals(free_errors, leverages(free, at, noise, form), degrees, resamples, rng)
    else:
        typical = max(typical, measurement_error)
        scatter = typical * rng.standard_normal((resamples, len(at)))
    farthest = response(np.array([np.min(measured) / _FARTHEST, np.max(measured) * _FARTHEST]), noise)
    resampled = np.clip(predicted(free[None], at, noise) + scatter, *farthest)
    law = _law(bounded)
    unbounded = _laws(fit_free(at, resampled, noise, form.free))
    fitted = useful * at / (design(at) @ bounded)
    return UslFit(
        law=law,
        loads=tuple(at.tolist()),
        throughputs=tuple(measured.tolist()),
        residuals=tuple((measured / fitted - 1).tolist()),
        noise=noise,
        noise_sd=typical,
        gamma=around(law.gamma, unbounded[:, 0]),
        sigma=around(law.sigma, np.maximum(unbounded[:, 1], 0)),
        kappa=around(law.kappa, np.maximum(unbounded[:, 2], 0)),
        reserve=reserve,
        draws=_laws(fit_bounded(at, resampled, noise, form)),
    )


def _checked_reserve(reserve: float, at: Floats) -> float:
    if not 0 <= reserve < np.min(at):
        raise BadInputError(
            "reserve",
            f"{reserve:.2f} of a load of {np.min(at):g} cannot stay unused",
            "Measure larger loads, or replicas with more CPU",
        )
    return reserve


def _useful(load: Number, reserve: float) -> Number:
    """The share of a load that can be used."""
    return 1 - reserve / load


def _least_squares(at: Floats, responses: Floats, noise: Noise, form: Form) -> Floats:
    """SciPy's bounded least squares, from the best start on a face of the bounds."""
    start = fit_bounded(at, responses[None], noise, form)[0]
    scale, free = float(start[0]), len(form.free)

    def coefficients(found: Floats) -> Floats:
        return np.concatenate((found * scale, start[free:]))

    def errors(candidate: Floats) -> Floats:
        return np.asarray(predicted(coefficients(candidate)[None], at, noise)[0] - responses)

    bounds = ([np.finfo(float).tiny, 0.0, 0.0][:free], np.inf)
    found = optimize.least_squares(errors, start[:free] / scale, bounds=bounds, method="dogbox", x_scale="jac")
    return coefficients(found.x)


def _scaled_residuals(errors: Floats, pulls: Floats, degrees: int, resamples: int, rng: np.random.Generator) -> Floats:
    """Errors for the resamples, shape (resamples, points)."""
    shapes = errors / np.sqrt(np.maximum(1 - pulls, 1e-6))
    shapes = shapes - np.mean(shapes)
    spread = math.sqrt(float(np.mean(shapes**2)))
    if spread == 0:
        return np.zeros((resamples, len(errors)))
    typical = math.sqrt(float(errors @ errors) / degrees)
    scales = typical * np.sqrt(degrees / rng.chisquare(degrees, (resamples, 1)))
    return np.asarray(scales * rng.choice(shapes / spread, (resamples, len(errors))))


def _law(coefficients: Floats) -> Law:
    return Law(*(float(value) for value in _laws(coefficients[None])[0]))


def _laws(coefficients: Floats) -> Floats:
    """Columns gamma, sigma, kappa from the columns a, b, c."""
    constant, linear, square = coefficients.T
    return np.stack([1 / constant, linear / constant, square / constant], axis=1)
