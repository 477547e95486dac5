"""The session bank: patients and doctors who are signed in already, as the seeder of the target wrote them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from slotrush.errors import BadInputError


@dataclass(frozen=True, slots=True)
class Session:
    """One signed-in person; `specialty` is a doctor's own, or the one that a patient looks for."""

    id: str
    specialty: str
    token: str


class Bank:
    """The sessions of one file. Holds them as read, so that a worker keeps only those that it asks for."""

    def __init__(self, path: Path, patients: list[dict[str, Any]], doctors: list[dict[str, Any]]) -> None:
        self.path, self._patients, self._doctors = path, patients, doctors

    @property
    def patient_count(self) -> int:
        return len(self._patients)

    @property
    def doctor_count(self) -> int:
        return len(self._doctors)

    def patient(self, index: int) -> Session:
        return _session(self._patients[index])

    def doctor(self, index: int) -> Session:
        return _session(self._doctors[index])

    def require(self, patients: int, doctors: int) -> None:
        """Raise BadInputError when the bank has fewer sessions than the race needs."""
        for name, needed, held in (
            ("patients", patients, self.patient_count),
            ("doctors", doctors, self.doctor_count),
        ):
            if needed > held:
                raise BadInputError(
                    f"{name} {needed}",
                    f"the session bank {self.path} has {held} {name}",
                    f"Ask for fewer {name}, or seed the target with more",
                )


def read_bank(path: Path) -> Bank:
    """Read a session bank. Raises BadInputError when it cannot be read or is something else."""
    mend = "Write it with `python -m target_app.seed --sessions`, or with your own system's seeder"
    try:
        content = orjson.loads(path.read_bytes())
    except OSError as error:
        raise BadInputError(f"sessions {path}", f"it cannot be read ({error.strerror})", mend) from error
    except orjson.JSONDecodeError as error:
        raise BadInputError(f"sessions {path}", f"it is not JSON ({error})", mend) from error
    people = [content.get(name) if isinstance(content, dict) else None for name in ("patients", "doctors")]
    for group in people:
        if not isinstance(group, list) or not all(_is_session(entry) for entry in group):
            raise BadInputError(
                f"sessions {path}", "it has no lists `patients` and `doctors` of {id, specialty, token}", mend
            )
    return Bank(path, people[0] or [], people[1] or [])


def _is_session(entry: object) -> bool:
    return isinstance(entry, dict) and all(isinstance(entry.get(name), str) for name in ("id", "specialty", "token"))


def _session(entry: dict[str, Any]) -> Session:
    return Session(entry["id"], entry["specialty"], entry["token"])
