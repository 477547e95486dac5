"""Copying people and slots into the database."""

from collections.abc import Iterable, Sequence
from typing import Any, Final
from uuid import UUID

import asyncpg

from target_app.identity.tokens import Role
from target_app.seeding.calendar import Slot
from target_app.seeding.people import Clinic, Doctor, Patient, Receptionist

_TABLES: Final = ("accounts", "clinics", "staff", "patients", "doctors", "slots")


class Store:
    """Writes with `connection`, in whatever transaction it is in; everyone gets `password_hash`."""

    def __init__(self, connection: asyncpg.Connection, password_hash: str) -> None:
        self._connection, self._password_hash = connection, password_hash

    async def is_empty(self) -> bool:
        """Whether there is nobody yet. Raises asyncpg.UndefinedTableError when there are no tables either."""
        empty: bool = await self._connection.fetchval(
            "SELECT NOT EXISTS (SELECT FROM accounts) AND NOT EXISTS (SELECT FROM clinics)"
        )
        return empty

    async def clinics(self, clinics: Iterable[Clinic]) -> None:
        await self._copy("clinics", ("id", "name"), ((each.id, each.name) for each in clinics))

    async def staff(self, staff: Sequence[Receptionist]) -> None:
        await self._accounts("staff", staff)
        await self._copy("staff", Receptionist._fields, staff)

    async def doctors(self, doctors: Sequence[Doctor]) -> None:
        await self._accounts("doctor", doctors)
        await self._copy("doctors", Doctor._fields, doctors)

    async def patients(self, patients: Sequence[Patient]) -> None:
        await self._accounts("patient", patients)
        await self._copy("patients", Patient._fields, patients)

    async def slots(self, slots: Iterable[Slot]) -> None:
        """They are streamed: however many there are, few are in memory."""
        rows = ((slot.id, slot.doctor_id, asyncpg.Range(*slot.span)) for slot in slots)
        await self._copy("slots", ("id", "doctor_id", "during"), rows)

    async def analyze(self) -> None:
        await self._connection.execute(f"ANALYZE {', '.join(_TABLES)}")

    async def _accounts(self, role: Role, people: Iterable[Patient | Doctor | Receptionist]) -> None:
        rows: Iterable[tuple[UUID, str, str, str]] = ((one.id, role, one.email, self._password_hash) for one in people)
        await self._copy("accounts", ("id", "role", "email", "password_hash"), rows)

    async def _copy(self, table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
        await self._connection.copy_records_to_table(table, records=rows, columns=columns)
