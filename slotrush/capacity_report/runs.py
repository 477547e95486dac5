"""A run's figures as a capacity report shows them: the few of its summary that every version has."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from slotrush.archive import reading
from slotrush.errors import BadInputError
from slotrush.runs.record import RECORD_NAME
from slotrush.summary import SUMMARY_NAME

if TYPE_CHECKING:
    from pydantic import TypeAdapter


@dataclass(frozen=True)
class Times:
    p99: float


@dataclass(frozen=True)
class Audit:
    """`clean` is None when there was no audit; `broken` counts cases by promise."""

    clean: bool | None
    broken: Mapping[str, int]


@dataclass(frozen=True)
class Race:
    response_ms: Times | None


@dataclass(frozen=True)
class Load:
    requests_per_s: float
    response_ms: Times | None


@dataclass(frozen=True)
class RunFigures:
    """`availability` is the share of requests answered as promised; `load` is of a swarm that goes on for a time."""

    schema_version: Literal[1]
    run_id: str | None
    scenario: str | None
    patients: int | None
    valid: bool
    audit: Audit
    availability: float | None
    load: Load | None = None
    race: Race | None = None

    @property
    def broken(self) -> int:
        """Promises that the audit found broken."""
        return sum(self.audit.broken.values())

    @property
    def p99_ms(self) -> float | None:
        """Of all requests; None where it is not known."""
        whole = self.load or self.race
        return whole.response_ms.p99 if whole and whole.response_ms else None


def read(folder: Path) -> tuple[Path, RunFigures]:
    """The figures of a run and the file that they are from: its summary, which may be all that was kept of it.

    Raises BadInputError for a folder with neither record nor summary, and for what cannot be read of them.
    """
    if (folder / RECORD_NAME).is_file():
        return folder / RECORD_NAME, _figures().validate_python(asdict(reading.read_summary(folder)))
    file = folder / SUMMARY_NAME
    try:
        return file, _figures().validate_json(file.read_bytes())
    except OSError as error:
        mend = "Name a sweep's folder, the JSON of a plan, a scale check's folder, or a run"
        raise BadInputError(str(folder), f"it holds neither {RECORD_NAME} nor {SUMMARY_NAME}", mend) from error
    except ValueError as error:
        raise BadInputError(str(file), "it is no summary of this version", "Report on the run again") from error


@cache
def _figures() -> "TypeAdapter[RunFigures]":
    from pydantic import TypeAdapter  # noqa: PLC0415  keeps `--help` quick

    return TypeAdapter(RunFigures)
