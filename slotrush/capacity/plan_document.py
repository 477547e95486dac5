"""A plan as a document: what was asked, what was measured, what follows, and what it costs; and all of it as JSON.

Rates are requests per second, CPU is in thousandths of a core (`_m`), memory in MiB, money in a month of 730 hours.
"""

from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from slotrush.capacity.intervals import Interval
from slotrush.capacity.needs import Autoscaling, Pooling, TierNeed
from slotrush.capacity.scaling import Form
from slotrush.errors import BadInputError

if TYPE_CHECKING:
    from pydantic import TypeAdapter

SCHEMA_VERSION: Final = 2


@dataclass(frozen=True)
class Span:
    """An estimate and its 95 % interval; None is infinite: no upper end is known, or the system does not keep up."""

    low: float | None
    mid: float | None
    high: float | None

    @classmethod
    def of(cls, interval: Interval) -> "Span":
        return cls(**interval.as_json())


@dataclass(frozen=True)
class Question:
    """What was asked. `patients` and `think_time_s` are None where plain arrivals were given.

    `quiet_share`: the load of a quiet hour as a share of the peak's. `peak_hours`: hours a month at the peak, as
    assumed for the cost with the autoscaler.
    """

    arrivals_per_s: float
    headroom: float
    failures: int
    quiet_share: float
    peak_hours: float
    patients: int | None = None
    think_time_s: float | None = None


@dataclass(frozen=True)
class MeasuredPoint:
    """One number of replicas of the sweep. `refusal`: why the law does not use it, None where it does; `residual`: by
    what share it is above the law then (below: negative)."""

    replicas: int
    throughput_per_s: Span | None
    limited_by: str | None
    refusal: str | None
    residual: float | None = None


@dataclass(frozen=True)
class MeasuredResponse:
    """One swarm of the sweep: the 99th percentile of a class of endpoints at a share of its replicas' capacity."""

    replicas: int
    share: float
    endpoint_class: str
    p99_ms: float


@dataclass(frozen=True)
class Source:
    """The sweep. `replica_cpu_m` is the CPU that each replica had: the plan is for pods of that size."""

    sweep_id: str
    started_at: str
    commit: str | None
    replica_cpu_m: int
    machine_cores: int
    machine_model: str | None
    points: tuple[MeasuredPoint, ...]
    responses: tuple[MeasuredResponse, ...]


@dataclass(frozen=True)
class Held:
    """A measurement that the law from the first points had to predict. `error`: prediction over measurement, less 1."""

    replicas: int
    measured_per_s: float
    predicted_per_s: Span
    error: float
    within_interval: bool
    within_target: bool


@dataclass(frozen=True)
class HeldOut:
    """The held-out check: the law from at most `fitted_to` replicas. `target`: the error aimed at, as a share."""

    fitted_to: int
    target: float
    points: tuple[Held, ...]


@dataclass(frozen=True)
class CurvePoint:
    """The law at a number of replicas, with the uncertainty of the law."""

    replicas: int
    throughput_per_s: Span


@dataclass(frozen=True)
class ScalingLaw:
    """`form` was declared with the sweep, before there were points. `knee_replicas`: where the line that one replica
    begins and the highest throughput meet (`Law.knee_load`). `reserve_replicas`: how many of them, whatever their
    number, stay idle for the sake of response times; `curve` is without these."""

    form: Form
    gamma: Span
    sigma: Span
    kappa: Span
    knee_replicas: Span
    reserve_replicas: float
    curve: tuple[CurvePoint, ...]
    held_out: HeldOut | None


@dataclass(frozen=True)
class State:
    """The service at the peak with so many replicas. `p99_s` and `mean_s` are by M/M/c; `utilisation` is the share of
    the saturation throughput in use; `availability` the share of requests answered as promised."""

    replicas: int
    capacity_per_s: Span
    utilisation: Span
    mean_s: float | None
    p99_s: Span
    availability: Span


@dataclass(frozen=True)
class ClassP99:
    """The predicted 99th percentile of a class of endpoints at the peak, from swarms at that share of the capacity.

    `after_failures` is the same with the failed replicas gone. None where the share was not measured.
    `objective_ms`: what the objectives allow, None where there is none at 99 %.
    """

    endpoint_class: str
    usual_ms: Span | None
    after_failures_ms: Span | None
    objective_ms: float | None


@dataclass(frozen=True)
class Answer:
    """`holds`: do the replicas, the parts beside them and the database's connections carry the demand and its
    head-room? `confident`: how likely the replicas, less the failures, do. `margin`: capacity over demand, less 1.
    `promised_patients`, `promised_per_s`: the most that the replicas, and the CPU of the parts beside them, hold with
    the same certainty and head-room; None of a plan that does not hold.
    `extrapolation`: replicas over the most that were measured."""

    holds: bool
    replicas: int
    confident: float
    margin: Span
    margin_after_failures: Span
    promised_per_s: float | None
    promised_patients: int | None
    extrapolation: float
    usual: State
    after_failures: State
    classes: tuple[ClassP99, ...]


@dataclass(frozen=True)
class Pod:
    """The size of one replica."""

    cpu_m: int
    memory_mib: int


@dataclass(frozen=True)
class Needs:
    """What is to be provided. `tiers`: proxy, valkey, postgres. `pooling`: None where the sweep has no times for it."""

    pod: Pod
    autoscaling: Autoscaling
    tiers: tuple[TierNeed, ...]
    pooling: Pooling | None


@dataclass(frozen=True)
class LimitFound:
    """Where a part ends, the first to end first. `first`: how likely it is the first of all. `carries`: the demand and
    its head-room too."""

    name: str
    rate_per_s: Span
    patients: Span | None
    first: float
    carries: bool


@dataclass(frozen=True)
class Money:
    """A month, in both currencies."""

    usd: float
    brl: float


@dataclass(frozen=True)
class OfferCost:
    """`always`: everything runs all month. `scaled`: the autoscaler runs its minimum in every hour but the peak's."""

    offer: str
    title: str
    always: Money
    scaled: Money
    billed: str
    read_on: date
    source: str


@dataclass(frozen=True)
class Costs:
    """`counted` and `not_counted` say what the amounts are for, by keys."""

    price_file: str
    brl_per_usd: float
    exchange_read_on: date
    exchange_source: str
    counted: tuple[str, ...]
    not_counted: tuple[str, ...]
    offers: tuple[OfferCost, ...]


@dataclass(frozen=True)
class SeriesCost:
    offer: str
    always: Money
    scaled: Money


@dataclass(frozen=True)
class SeriesPoint:
    """The plan for another demand. Without `replicas` there is none: `refusal` says why, and `refused_by` names what
    does not carry it, `replicas` and `connections` among them; or is `prices`: an offer has no size for such pods."""

    arrivals_per_s: float
    patients: int | None
    replicas: int | None
    refusal: str | None
    refused_by: str | None
    costs: tuple[SeriesCost, ...]


@dataclass(frozen=True)
class ResponsePoint:
    """Response times of the planned replicas at another demand.

    `mean_s`, `p99_s`: of arrivals that come whatever the others wait, by M/M/c; None from saturation on.
    `closed_mean_s`: of so many patients who wait for their answers, by mean-value analysis; None for plain arrivals and
    for more than 100,000 patients.
    """

    arrivals_per_s: float
    patients: int | None
    mean_s: float | None
    p99_s: float | None
    closed_mean_s: float | None


@dataclass(frozen=True)
class Caution:
    """Something that a reader of the figures must know: a key for the words, and the number in them if there is one."""

    key: str
    value: float | None = None


@dataclass(frozen=True)
class PlanDocument:
    """All of a plan. `breaks_first` is the first of `limits`. `objectives`: those that the sweep was judged by, as
    `slotrush.slo.to_json` writes them and `from_json` reads them."""

    schema_version: Literal[2]
    made_on: date
    question: Question
    source: Source
    law: ScalingLaw
    answer: Answer
    needs: Needs
    limits: tuple[LimitFound, ...]
    costs: Costs
    cost_series: tuple[SeriesPoint, ...]
    response_series: tuple[ResponsePoint, ...]
    cautions: tuple[Caution, ...]
    objectives: dict[str, Any]

    @property
    def breaks_first(self) -> LimitFound:
        return self.limits[0]

    def to_json(self) -> str:
        return _documents().dump_json(self, indent=2).decode() + "\n"

    @classmethod
    def from_json(cls, text: str, name: str = "plan") -> "PlanDocument":
        """What `to_json` wrote. Raises BadInputError for anything else, with its `name`."""
        from pydantic import ValidationError  # noqa: PLC0415  keeps `--help` quick

        mend = "Make it again with: slotrush plan --json FILE"
        try:
            return _documents().validate_json(text)
        except ValidationError as error:
            [first, *_] = error.errors()
            where = ".".join(map(str, first["loc"])) or "the file"
            raise BadInputError(name, f"it is no plan: {where}: {first['msg']}", mend) from None

    @classmethod
    def read(cls, path: Path) -> "PlanDocument":
        """Raises BadInputError for a file that cannot be read or is no plan."""
        try:
            text = path.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            problem = getattr(error, "strerror", None) or "it is no text"
            raise BadInputError(f"plan {path}", f"it cannot be read ({problem})", "Name the JSON of a plan") from error
        return cls.from_json(text, f"plan {path}")


@cache
def _documents() -> "TypeAdapter[PlanDocument]":
    from pydantic import TypeAdapter  # noqa: PLC0415

    return TypeAdapter(PlanDocument)
