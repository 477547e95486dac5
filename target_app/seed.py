"""Fills an empty database with patients and doctors, and writes sessions for them.

`python -m target_app.seed --patients 20000 --doctors 250 --seed 1 --sessions sessions.json`

The same seed gives the same people. Sessions are signed here, beforehand: a race is about slots, not about logins.
"""

import argparse
import asyncio
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Final
from uuid import UUID

import asyncpg
import orjson

from target_app.identity import keys
from target_app.identity.documents import STATES, cpf_with_check_digits
from target_app.identity.passwords import HASHER
from target_app.identity.tokens import Role, Tokens
from target_app.settings import Settings

PASSWORD: Final = "only for tests"
"""Everyone's: hashing one password for each of 20,000 would take minutes."""
SPECIALTIES: Final = (
    *("cardiology", "dermatology", "endocrinology", "gynaecology", "neurology"),
    *("ophthalmology", "orthopaedics", "paediatrics", "psychiatry", "urology"),
)
_FIRST_NAMES: Final = (
    *("Ana", "Beatriz", "Camila", "Daniela", "Eduarda", "Fernanda", "Gabriela", "Helena", "Isabela", "Júlia"),
    *("André", "Bruno", "Caio", "Diego", "Eduardo", "Felipe", "Gustavo", "Henrique", "Ítalo", "João"),
)
_LAST_NAMES: Final = (
    *("Almeida", "Barbosa", "Cardoso", "Dias", "Esteves", "Ferreira", "Gonçalves", "Henriques", "Lima", "Machado"),
    *("Nascimento", "Oliveira", "Pereira", "Queiroz", "Ribeiro", "Silva", "Souza", "Teixeira", "Vieira", "Xavier"),
)
_CPF_BASES: Final = 10**9


@dataclass(frozen=True)
class Person:
    id: UUID
    role: Role
    name: str
    email: str


@dataclass(frozen=True)
class Patient(Person):
    cpf: str
    specialty: str
    """What they look for."""


@dataclass(frozen=True)
class Doctor(Person):
    crm: str
    crm_state: str
    specialty: str
    price_cents: int


def people(patients: int, doctors: int, seed: int) -> tuple[list[Patient], list[Doctor]]:
    """The same for the same numbers. Patient i looks for the specialty of doctor i modulo `doctors`."""
    random = Random(seed)
    first_cpf = random.randrange(_CPF_BASES)
    the_doctors = [
        Doctor(
            id=_id(random),
            role="doctor",
            name=f"Dr(a). {_name(random)}",
            email=f"doctor.{number}.{seed}@clinic.example",
            crm=str(100_000 + number),
            crm_state=random.choice(STATES),
            specialty=SPECIALTIES[number % len(SPECIALTIES)],
            price_cents=random.randrange(150, 601, 10) * 100,
        )
        for number in range(doctors)
    ]
    the_patients = [
        Patient(
            id=_id(random),
            role="patient",
            name=_name(random),
            email=f"patient.{number}.{seed}@mail.example",
            cpf=cpf_with_check_digits((first_cpf + number) % _CPF_BASES),
            specialty=the_doctors[number % doctors].specialty,
        )
        for number in range(patients)
    ]
    return the_patients, the_doctors


async def store(connection: asyncpg.Connection, patients: Sequence[Patient], doctors: Sequence[Doctor]) -> None:
    """All or nobody. Raises asyncpg.UniqueViolationError when some are there already."""
    password_hash = HASHER.hash(PASSWORD)
    everyone: list[Person] = [*patients, *doctors]
    async with connection.transaction():
        await connection.copy_records_to_table(
            "accounts",
            records=[(one.id, one.role, one.email, password_hash) for one in everyone],
            columns=["id", "role", "email", "password_hash"],
        )
        await connection.copy_records_to_table(
            "patients",
            records=[(one.id, one.name, one.cpf, one.email) for one in patients],
            columns=["id", "name", "cpf", "email"],
        )
        await connection.copy_records_to_table(
            "doctors",
            records=[
                (one.id, one.name, one.crm, one.crm_state, one.specialty, one.price_cents, one.email) for one in doctors
            ],
            columns=["id", "name", "crm", "crm_state", "specialty", "price_cents", "email"],
        )
    await connection.execute("ANALYZE accounts, patients, doctors")


def sessions(tokens: Tokens, patients: Sequence[Patient], doctors: Sequence[Doctor], valid_s: int) -> bytes:
    def session(one: Patient | Doctor) -> dict[str, str]:
        return {"id": str(one.id), "specialty": one.specialty, "token": tokens.issue(one.id, one.role, valid_s)}

    return orjson.dumps({"patients": list(map(session, patients)), "doctors": list(map(session, doctors))})


async def seed(settings: Settings, patients: int, doctors: int, seed_number: int, path: Path, valid_s: int) -> None:
    the_patients, the_doctors = people(patients, doctors, seed_number)
    connection = await asyncpg.connect(settings.database_url)
    try:
        await store(connection, the_patients, the_doctors)
    except asyncpg.UniqueViolationError as error:
        raise SystemExit(f"The database is not empty ({error.detail}). Seed a fresh one.") from error
    finally:
        await connection.close()
    content = sessions(Tokens(keys.load(settings.jwt_key_file)), the_patients, the_doctors, valid_s)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m target_app.seed", description=__doc__)
    parser.add_argument("--patients", type=int, required=True)
    parser.add_argument("--doctors", type=int, required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--sessions", type=Path, required=True, help="JSON file to write")
    parser.add_argument("--valid-s", type=int, default=14_400, help="how long the sessions last")
    options = parser.parse_args()
    if options.doctors < 1 or options.patients < 0:
        parser.error("--doctors must be at least 1 and --patients at least 0")
    asyncio.run(
        seed(
            Settings.from_environment(),
            options.patients,
            options.doctors,
            options.seed,
            options.sessions,
            options.valid_s,
        )
    )


def _id(random: Random) -> UUID:
    return UUID(int=random.getrandbits(128), version=4)


def _name(random: Random) -> str:
    return f"{random.choice(_FIRST_NAMES)} {random.choice(_LAST_NAMES)} {random.choice(_LAST_NAMES)}"


if __name__ == "__main__":
    main()
