"""What a check of the scaling found, as data and as the JSON of `scale-check.json`. Needs neither stack nor cluster."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Self

from slotrush.elasticity.measure import Elasticity
from slotrush.errors import BadInputError
from slotrush.gate.interval import Estimate
from slotrush.gate.verdict import Outcome, Result

FILE_NAME: Final = "scale-check.json"
FORMAT: Final = 1


@dataclass(frozen=True)
class Judged:
    """One objective. `estimate` is a share of good requests, None where the figure could not be had."""

    objective: str
    outcome: Outcome
    reason: str
    estimate: Estimate | None

    @classmethod
    def of(cls, result: Result) -> Self:
        return cls(result.objective.name, result.outcome, result.reason, result.estimate)


@dataclass(frozen=True)
class Prediction:
    """What the simulator said of the same load, and by how much it was wrong.

    `availability_measured` and `…_predicted` are shares of good requests, one for each `interval_s` from the window's
    beginning, None where nothing was asked. `seeds`: over so many simulated runs its figures are means.
    """

    calibrated_from: str
    cpu_ms_per_request: float
    start_s: float
    seeds: int
    replicas_mean_measured: float
    replicas_mean_predicted: float
    availability: float
    availability_predicted: float
    interval_s: float
    availability_measured_by_time: tuple[float | None, ...]
    availability_predicted_by_time: tuple[float | None, ...]

    @property
    def replicas_error(self) -> float:
        """Of the mean number of replicas, as a share of the measured one; above 0 when it predicted too many."""
        return self.replicas_mean_predicted / self.replicas_mean_measured - 1

    @property
    def availability_error_points(self) -> float:
        """In percentage points; above 0 when it predicted too much."""
        return 100 * (self.availability_predicted - self.availability)


@dataclass(frozen=True)
class Local:
    """What a check on this machine has beside.

    `compression`: by so much the autoscaler's periods, windows and metrics were faster than the manifest's; the start
    of a replica and the load were not. `start_s`: from a replica that was wanted to one that got requests, the mean of
    `started`. `left`: replicas that were taken away; `failed_while_leaving`: requests that failed or were refused in
    seconds in which one was leaving, and `failed` all that failed. `demand`: how the ready replicas followed what the
    load needed.
    """

    compression: float
    cpu_m: int
    arrivals: str
    started: int
    left: int
    start_s: float | None
    requests: int
    failed: int
    failed_while_leaving: int
    demand: Elasticity
    prediction: Prediction


@dataclass(frozen=True)
class ScaleCheck:
    """Times are Unix seconds. `elasticity`: how the ready replicas followed what the autoscaler wanted.

    `replicas` are curves with a value every `step_s` from `first_s` on: `wanted`, `ready` and `limit`, and with `local`
    also `demand` (what the load needed), `predicted`, and `predicted_low` and `predicted_high` over the seeds.
    `namespace` is a cluster's, None of a check on this machine, which has `local` instead.
    """

    outcome: Outcome
    autoscaler: str
    namespace: str | None
    run: str | None
    scenario: str | None
    first_s: float
    last_s: float
    results: tuple[Judged, ...]
    elasticity: Elasticity
    step_s: float
    replicas: Mapping[str, tuple[float, ...]]
    local: Local | None = None

    def to_json(self) -> str:
        content: dict[str, Any] = {"format": FORMAT, **asdict(self)}
        content["window"] = {name: content.pop(name) for name in ("first_s", "last_s")}
        if self.local is not None:
            prediction = self.local.prediction
            content["local"]["prediction"] |= {
                "replicas_error": prediction.replicas_error,
                "availability_error_points": prediction.availability_error_points,
            }
        return json.dumps(content, indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str, thing: str = "scale check") -> Self:
        """Raises BadInputError, about the `thing`, for what `to_json` did not write."""
        mend = "Name the JSON of a slotrush scale-check, or check again"
        try:
            content = json.loads(text)
            if not isinstance(content, dict) or content.pop("format", None) != FORMAT:
                raise BadInputError(thing, f"it is no scale check of format {FORMAT}", mend)
            window, local = content.pop("window"), content.pop("local")
            return cls(
                **content
                | window
                | {
                    "outcome": Outcome(content["outcome"]),
                    "results": tuple(_judged(one) for one in content["results"]),
                    "elasticity": Elasticity(**content["elasticity"]),
                    "replicas": {name: tuple(curve) for name, curve in content["replicas"].items()},
                    "local": None if local is None else _local(local),
                }
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise BadInputError(thing, f"something is missing or unknown in it: {error!r}", mend) from error


def of_run(run_dir: Path) -> ScaleCheck | None:
    """What the check wrote into the folder of its run; None for a run that was no check. Raises BadInputError."""
    path = run_dir / FILE_NAME
    return ScaleCheck.from_json(path.read_text(encoding="utf-8"), str(path)) if path.is_file() else None


def _judged(content: Mapping[str, Any]) -> Judged:
    estimate = content["estimate"]
    kept = {"outcome": Outcome(content["outcome"]), "estimate": None if estimate is None else Estimate(**estimate)}
    return Judged(**{**content, **kept})


def _local(content: Mapping[str, Any]) -> Local:
    prediction: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in content["prediction"].items()
        if name not in ("replicas_error", "availability_error_points")
    }
    kept = {"demand": Elasticity(**content["demand"]), "prediction": Prediction(**prediction)}
    return Local(**{**content, **kept})
