"""Who is in a seeded system: made up, and the same for the same seed and sizes."""

from collections.abc import Iterator, Sequence
from random import Random
from typing import Final, NamedTuple
from uuid import UUID

from target_app.identity.documents import cpf_with_check_digits
from target_app.seeding import names
from target_app.seeding.names import SPECIALTIES, STATE_WEIGHTS

_CPF_BASES: Final = 10**9
_REPEATED: Final = 111_111_111
"""Nine equal digits make a CPF of eleven, which is never issued."""


class Clinic(NamedTuple):
    id: UUID
    name: str
    state: str


class Receptionist(NamedTuple):
    id: UUID
    clinic_id: UUID
    name: str
    email: str


class Doctor(NamedTuple):
    id: UUID
    name: str
    crm: str
    crm_state: str
    specialty: str
    price_cents: int
    email: str
    clinic_id: UUID


class Patient(NamedTuple):
    id: UUID
    name: str
    cpf: str
    email: str


def clinics(count: int, seed: int) -> list[Clinic]:
    random = Random(f"{seed} clinics")
    states = random.choices(list(STATE_WEIGHTS), list(STATE_WEIGHTS.values()), k=count)
    return [Clinic(new_id(random), *named) for named in zip(names.clinics(random, count), states, strict=True)]


def staff(count: int, seed: int, the_clinics: Sequence[Clinic]) -> list[Receptionist]:
    """Spread evenly over the clinics."""
    random = Random(f"{seed} staff")
    return [_receptionist(random, number, the_clinics[number % len(the_clinics)]) for number in range(count)]


def doctors(count: int, seed: int, the_clinics: Sequence[Clinic]) -> list[Doctor]:
    """Spread evenly over specialties and clinics; a doctor is registered in the state of the clinic."""
    random = Random(f"{seed} doctors")
    places = [the_clinics[number % len(the_clinics)] for number in range(count)]
    random.shuffle(places)
    specialties = list(SPECIALTIES)
    taken: set[tuple[str, int]] = set()
    return [
        _doctor(random, number, specialties[number % len(specialties)], place, _crm(random, place.state, taken))
        for number, place in enumerate(places)
    ]


def patients(count: int, seed: int) -> Iterator[Patient]:
    random = Random(f"{seed} patients")
    for number, cpf in zip(range(count), _cpfs(random), strict=False):
        name = names.person(random, names.gender(random))
        yield Patient(new_id(random), str(name), cpf, names.address(name, number, "mail.example"))


def new_id(random: Random) -> UUID:
    return UUID(int=random.getrandbits(128), version=4)


def _receptionist(random: Random, number: int, clinic: Clinic) -> Receptionist:
    name = names.person(random, names.gender(random))
    return Receptionist(new_id(random), clinic.id, str(name), names.address(name, number, "reception.example"))


def _doctor(random: Random, number: int, specialty: str, clinic: Clinic, crm: int) -> Doctor:
    gender = names.gender(random)
    name = names.person(random, gender)
    lowest, highest = SPECIALTIES[specialty]
    return Doctor(
        id=new_id(random),
        name=f"{'Dra.' if gender == 'female' else 'Dr.'} {name}",
        crm=str(crm),
        crm_state=clinic.state,
        specialty=specialty,
        price_cents=random.randrange(lowest, highest + 1, 10) * 100,
        email=names.address(name, number, "clinic.example"),
        clinic_id=clinic.id,
    )


def _crm(random: Random, state: str, taken: set[tuple[str, int]]) -> int:
    """A number that nobody has in the state."""
    while (state, crm := random.randrange(10_000, 1_000_000)) in taken:
        pass
    taken.add((state, crm))
    return crm


def _cpfs(random: Random) -> Iterator[str]:
    """Different ones, in no order that shows: a step that has no factor in common with how many there are visits each
    once, and so does it read backwards."""
    base = random.randrange(_CPF_BASES)
    step = random.randrange(_CPF_BASES // 10) * 10 + random.choice((1, 3, 7, 9))
    for _ in range(_CPF_BASES):
        shuffled = int(f"{base:09d}"[::-1]) * step % _CPF_BASES
        if shuffled % _REPEATED:
            yield cpf_with_check_digits(shuffled)
        base = (base + step) % _CPF_BASES
