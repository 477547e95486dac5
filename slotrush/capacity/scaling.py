"""Least squares for the Universal Scalability Law on many data sets at once, as a bootstrap needs it.

The law X(N) = gamma N / (1 + sigma (N-1) + kappa N(N-1)) is linear in its reciprocal: N / X = a + b(N-1) + cN(N-1) with
a = 1/gamma, b = sigma/gamma, c = kappa/gamma. All functions here work on the coefficients (a, b, c), one row per data
set.
"""

from enum import StrEnum
from typing import Final

import numpy as np

from slotrush.capacity.intervals import Floats

_ALL: Final = (0, 1, 2)
_STEPS_MAX: Final = 30
_HALVINGS_MAX: Final = 8
_STEP_MIN: Final = 1e-10
_RIDGE: Final = 1e-12
"""Keeps the normal equations solvable for resamples in which points nearly coincide."""
_SHRINK_MAX: Final = 0.1
"""A step may take the predicted N / X down to this share of its value, never to 0 or below."""


class Noise(StrEnum):
    """What a measured throughput's error is proportional to."""

    RELATIVE = "relative"
    """To the throughput itself: residuals are differences of logarithms. What load tests show."""
    ABSOLUTE = "absolute"
    """To nothing: residuals in the throughput's unit, as R's package `usl` has them."""


class Form(StrEnum):
    """Which coefficients a law has, besides the throughput at N = 1."""

    UNIVERSAL = "universal"
    """Contention and coherency."""
    AMDAHL = "amdahl"
    """Contention alone: kappa is taken to be 0."""

    @property
    def free(self) -> tuple[int, ...]:
        """The columns of the coefficients that are fitted."""
        return _ALL if self is Form.UNIVERSAL else _ALL[:2]

    @property
    def faces(self) -> tuple[tuple[int, ...], ...]:
        """Which coefficients may differ from 0: the best fit with b, c >= 0 is the best one on one of these faces."""
        return (_ALL, (0, 1), (0, 2), (0,)) if self is Form.UNIVERSAL else ((0, 1), (0,))


def design(loads: Floats) -> Floats:
    """The columns 1, N-1 and N(N-1): shape (points, 3)."""
    return np.stack([np.ones_like(loads), loads - 1, loads * (loads - 1)], axis=1)


def response(throughputs: Floats, noise: Noise) -> Floats:
    """The measured values on the scale on which their errors are alike."""
    return np.log(throughputs) if noise is Noise.RELATIVE else throughputs


def predicted(coefficients: Floats, loads: Floats, noise: Noise) -> Floats:
    """What `response` would be without error: shape (data sets, points) from (data sets, 3)."""
    reciprocal = coefficients @ design(loads).T
    return response(loads / reciprocal, noise)


def jacobian(coefficients: Floats, loads: Floats, noise: Noise) -> Floats:
    """Derivatives of `predicted`: shape (data sets, points, 3)."""
    columns, reciprocal = design(loads), coefficients @ design(loads).T
    if noise is Noise.RELATIVE:
        return np.asarray(-columns / reciprocal[..., None])
    return np.asarray(-columns * (loads / reciprocal**2)[..., None])


def fit_free(loads: Floats, responses: Floats, noise: Noise, face: tuple[int, ...] = _ALL) -> Floats:
    """Best coefficients without bounds, those outside the face being 0: shape (data sets, 3).

    Gauss-Newton with halved steps, from the weighted linear fit of N / X. `responses` has shape (data sets, points).
    """
    columns = design(loads)[:, face]
    throughputs = np.exp(responses) if noise is Noise.RELATIVE else np.maximum(responses, _least(responses))
    reciprocal = loads / throughputs
    solution = _solve(columns / reciprocal[..., None], np.ones_like(reciprocal))
    solution = _feasible(solution, columns, reciprocal)
    for _ in range(_STEPS_MAX):
        full = _spread(solution, face)
        slopes = jacobian(full, loads, noise)[..., face]
        step = _solve(slopes, responses - predicted(full, loads, noise))
        step = _damped(step, solution, columns)
        solution = solution + step
        if float(np.max(np.abs(step) / np.abs(solution[:, :1]))) < _STEP_MIN:
            break
    return _spread(solution, face)


def fit_bounded(loads: Floats, responses: Floats, noise: Noise, form: Form = Form.UNIVERSAL) -> Floats:
    """Best coefficients with b, c >= 0: shape (data sets, 3)."""
    best = np.zeros((len(responses), len(_ALL)))
    least = np.full(len(responses), np.inf)
    for face in form.faces:
        found = fit_free(loads, responses, noise, face)
        squares = np.sum((responses - predicted(found, loads, noise)) ** 2, axis=1)
        better = np.all(found >= 0, axis=1) & (squares < least)
        best[better], least[better] = found[better], squares[better]
    return best


def leverages(coefficients: Floats, loads: Floats, noise: Noise, form: Form = Form.UNIVERSAL) -> Floats:
    """How much each point pulls the curve to itself, from 0 to 1: the diagonal of the hat matrix, shape (points,)."""
    basis, _ = np.linalg.qr(jacobian(coefficients[None], loads, noise)[0][:, form.free])
    return np.asarray(np.sum(basis**2, axis=1))


def _least(responses: Floats) -> Floats:
    return np.asarray(np.median(responses, axis=1, keepdims=True) * 1e-3)


def _solve(matrix: Floats, target: Floats) -> Floats:
    """Least squares by the normal equations with scaled columns, for a stack of matrices."""
    scale = np.linalg.norm(matrix, axis=1, keepdims=True)
    scaled = matrix / scale
    normal = np.swapaxes(scaled, 1, 2) @ scaled + _RIDGE * np.eye(matrix.shape[2])
    found = np.linalg.solve(normal, np.swapaxes(scaled, 1, 2) @ target[..., None])
    return np.asarray(found[..., 0] / scale[:, 0, :])


def _feasible(solution: Floats, columns: Floats, reciprocal: Floats) -> Floats:
    """The start, replaced by a constant N / X for data sets whose linear fit is not positive everywhere."""
    flat = np.zeros_like(solution)
    flat[:, 0] = np.mean(reciprocal, axis=1)
    bad = np.any(solution @ columns.T <= 0, axis=1)
    return np.where(bad[:, None], flat, solution)


def _damped(step: Floats, solution: Floats, columns: Floats) -> Floats:
    floor = _SHRINK_MAX * (solution @ columns.T)
    for _ in range(_HALVINGS_MAX):
        bad = np.any((solution + step) @ columns.T <= floor, axis=1)
        if not np.any(bad):
            return step
        step = np.where(bad[:, None], step / 2, step)
    return np.where(bad[:, None], 0.0, step)


def _spread(solution: Floats, face: tuple[int, ...]) -> Floats:
    full = np.zeros((len(solution), len(_ALL)))
    full[:, face] = solution
    return full
