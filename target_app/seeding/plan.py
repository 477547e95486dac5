"""How much a system is seeded with."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

from target_app.seeding.calendar import SLOTS_PER_DOCTOR_MAX

DOCTORS_MAX: Final = 100_000
PATIENTS_MAX: Final = 5_000_000
STAFF_MAX: Final = 100_000
SEED_MAX: Final = 2**63 - 1
_DOCTORS_PER_CLINIC: Final = 20
_STAFF_PER_CLINIC: Final = 2


class BadInput(Exception):
    """What the user asked for cannot be done: the thing, what is wrong with it, and the mend."""

    def __init__(self, thing: str, problem: str, mend: str) -> None:
        super().__init__(f"{thing}: {problem}. {mend}")


class _Bound(NamedTuple):
    option: str
    value: int
    lowest: int
    highest: int


@dataclass(frozen=True)
class Plan:
    patients: int
    doctors: int
    slots: int
    clinics: int
    staff: int
    seed: int

    def check(self) -> None:
        """Raises BadInput for the first number that cannot be."""
        for option, value, lowest, highest in self._bounds():
            if not lowest <= value <= highest:
                raise BadInput(f"{option} {value}", f"it must be from {lowest} to {highest}", "Give another number")

    def _bounds(self) -> Iterator[_Bound]:
        yield _Bound("--doctors", self.doctors, 1, DOCTORS_MAX)
        yield _Bound("--patients", self.patients, 0, PATIENTS_MAX)
        yield _Bound("--slots", self.slots, 0, self.doctors * SLOTS_PER_DOCTOR_MAX)
        yield _Bound("--clinics", self.clinics, 1, self.doctors)
        yield _Bound("--staff", self.staff, 0, STAFF_MAX)
        yield _Bound("--seed", self.seed, 0, SEED_MAX)


def plan(
    patients: int, doctors: int, slots: int = 0, clinics: int | None = None, staff: int | None = None, seed: int = 1
) -> Plan:
    """Twenty doctors and two receptionists to a clinic, unless said otherwise."""
    some_clinics = -(-doctors // _DOCTORS_PER_CLINIC) if clinics is None else clinics
    some_staff = some_clinics * _STAFF_PER_CLINIC if staff is None else staff
    return Plan(patients, doctors, slots, some_clinics, some_staff, seed)
