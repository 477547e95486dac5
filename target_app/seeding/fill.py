"""Filling an empty database by a plan."""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from itertools import islice
from typing import Final

import asyncpg

from target_app.identity.passwords import HASHER
from target_app.identity.tokens import Role
from target_app.seeding import calendar, people
from target_app.seeding.bank import Member
from target_app.seeding.people import Patient
from target_app.seeding.plan import BadInput, Plan
from target_app.seeding.store import Store

PASSWORD: Final = "only for tests"
"""Everyone's: hashing one password for each of 20,000 would take minutes."""
_BATCH: Final = 10_000
"""Patients in memory at once."""


async def fill(
    connection: asyncpg.Connection,
    asked: Plan,
    sign_in: Callable[[Role, Iterable[Member]], None],
    say: Callable[[str], None],
) -> None:
    """All of the plan or nothing; `sign_in` is given everyone, `say` the progress.

    Raises BadInput when the database is not an empty one of the booking system.
    """
    store = Store(connection, HASHER.hash(PASSWORD))
    try:
        async with connection.transaction():
            if not await store.is_empty():
                raise _not_empty("there are people in it")
            await _fill(store, asked, sign_in, say)
    except asyncpg.UndefinedTableError as error:
        raise BadInput(
            "DATABASE_URL", f"the database is not the booking system's ({error})", "Run: python -m target_app.migrate"
        ) from error
    except asyncpg.UniqueViolationError as error:  # somebody signs up at the same time
        raise _not_empty(str(error.detail)) from error
    await store.analyze()


async def _fill(
    store: Store, asked: Plan, sign_in: Callable[[Role, Iterable[Member]], None], say: Callable[[str], None]
) -> None:
    clinics = people.clinics(asked.clinics, asked.seed)
    doctors = people.doctors(asked.doctors, asked.seed, clinics)
    staff = people.staff(asked.staff, asked.seed, clinics)
    await store.clinics(clinics)
    await store.doctors(doctors)
    await store.staff(staff)
    say(f"{asked.clinics:,} clinics, {asked.staff:,} receptionists, {asked.doctors:,} doctors")
    first = 0
    for batch in _batches(people.patients(asked.patients, asked.seed)):
        await store.patients(batch)
        # patient i looks for the specialty of doctor i modulo the number of doctors
        wishes = (doctors[number % len(doctors)].specialty for number in range(first, first + len(batch)))
        sign_in("patient", (_patient(one, wish) for one, wish in zip(batch, wishes, strict=True)))
        first += len(batch)
        say(f"{first:,} of {asked.patients:,} patients")
    sign_in("doctor", (Member(one.id, {"specialty": one.specialty}) for one in doctors))
    sign_in("staff", (Member(one.id, {"clinic_id": str(one.clinic_id)}) for one in staff))
    tomorrow = datetime.now(calendar.ZONE).date() + timedelta(days=1)
    await store.slots(_told(calendar.slots(asked.slots, asked.seed, doctors, tomorrow), asked.slots, say))


def _patient(one: Patient, wish: str) -> Member:
    return Member(one.id, {"specialty": wish, "email": one.email, "password": PASSWORD})


def _batches(everyone: Iterator[Patient]) -> Iterator[list[Patient]]:
    """At least one, which may be empty."""
    yield list(islice(everyone, _BATCH))
    while batch := list(islice(everyone, _BATCH)):
        yield batch


def _told(slots: Iterable[calendar.Slot], count: int, say: Callable[[str], None]) -> Iterator[calendar.Slot]:
    """The same slots; every quarter of them is told."""
    for number, slot in enumerate(slots, start=1):
        yield slot
        if number * 4 // count > (number - 1) * 4 // count:
            say(f"{number:,} of {count:,} slots")


def _not_empty(why: str) -> BadInput:
    return BadInput("DATABASE_URL", f"the database is not empty ({why})", "Seed a fresh one")
