"""Does a law that was fitted to few replicas predict what more of them were measured to take?"""

from collections.abc import Sequence
from dataclasses import dataclass

from slotrush.capacity.intervals import Interval
from slotrush.capacity.scaling import Form
from slotrush.capacity.usl import UslFit, fit
from slotrush.errors import BadInputError


@dataclass(frozen=True)
class HeldOut:
    """A measurement that the law did not see, and what the law says one there would show (95 % interval)."""

    load: float
    measured: float
    predicted: Interval

    @property
    def error(self) -> float:
        """Prediction less measurement, as a share of the measurement."""
        return self.predicted.mid / self.measured - 1

    @property
    def within(self) -> bool:
        """Does the interval hold the measurement?"""
        return self.measured in self.predicted


def hold_out(
    loads: Sequence[float],
    throughputs: Sequence[float],
    fit_to_load: float,
    *,
    form: Form = Form.UNIVERSAL,
    measurement_error: float | None = None,
    reserve: float = 0.0,
) -> tuple[UslFit, tuple[HeldOut, ...]]:
    """Fit the points up to a load and predict the others: the law, and one comparison for each point beyond.

    Raises BadInputError as `usl.fit` does, and when no point lies beyond `fit_to_load`.
    """
    points = list(zip(loads, throughputs, strict=True))
    seen = [point for point in points if point[0] <= fit_to_load]
    beyond = [point for point in points if point[0] > fit_to_load]
    if not beyond:
        raise BadInputError(
            "held-out points", f"no load is above {fit_to_load:g}", "Measure more replicas, or fit to fewer"
        )
    fitted = fit(
        [load for load, _ in seen],
        [throughput for _, throughput in seen],
        form=form,
        measurement_error=measurement_error,
        reserve=reserve,
    )
    return fitted, tuple(HeldOut(load, measured, fitted.predict_measurement(load)) for load, measured in beyond)
