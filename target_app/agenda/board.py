"""What one replica remembers of the agendas, so that thousands of patients can look at one without a query each.

The board may be behind the database by a bounded time, and it is only ever used to show an agenda and to answer
"taken" early. That a slot is free is never believed: only the database gives a slot away.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, NamedTuple
from uuid import UUID

from target_app.encoding import to_json

STALENESS_S: Final = 10.0
"""How far an agenda may be behind while the other replicas' changes are heard as they happen."""
STALENESS_DEAF_S: Final = 0.25
"""The same while they are not heard."""
AGENDAS_MAX: Final = 10_000
HOLDERS_MAX: Final = 200_000


class LoadedSlot(NamedTuple):
    id: UUID
    starts_at: datetime
    minutes: int
    holder: UUID | None
    """The patient who has the slot."""


@dataclass(frozen=True)
class LoadedAgenda:
    price_cents: int
    slots: Sequence[LoadedSlot]


class _Held(NamedTuple):
    doctor_id: UUID
    patient_id: UUID
    known_at_s: float


@dataclass(slots=True)
class _Agenda:
    loaded_at_s: float
    head: bytes
    slots: list[tuple[UUID, bytes]]
    """Each slot's id and JSON."""
    body: bytes | None = None
    free: int = 0
    """How many of the slots are free; counts for as long as `body` does."""


@dataclass(slots=True)
class _Loading:
    """A load that is under way, and what happened since it began."""

    done: asyncio.Future[None]
    changes: list[Callable[[], None]] = field(default_factory=list)
    outdated: bool = False


class Board:
    """`load` reads an agenda from the database (None for an unknown doctor); `hears` tells whether the changes that
    other replicas make arrive; `now_s` is a monotonic clock."""

    def __init__(
        self,
        load: Callable[[UUID], Awaitable[LoadedAgenda | None]],
        hears: Callable[[], bool],
        now_s: Callable[[], float],
    ) -> None:
        self._load, self._hears, self._now_s = load, hears, now_s
        self._agendas: dict[UUID, _Agenda] = {}
        self._holders: dict[UUID, _Held] = {}
        self._loading: dict[UUID, _Loading] = {}

    async def agenda(self, doctor_id: UUID) -> bytes | None:
        """The doctor's free slots as JSON; None for an unknown doctor."""
        agenda = self._agendas.get(doctor_id)
        if agenda is None or self._now_s() - agenda.loaded_at_s > self._staleness_s():
            agenda = await self._fresh(doctor_id)
            if agenda is None:
                return None
        return self._body(agenda)

    def free(self, slot_id: UUID) -> int | None:
        """How many slots are free in the agenda that a taken slot belongs to; None when it is not known."""
        held = self._holders.get(slot_id)
        agenda = self._agendas.get(held.doctor_id) if held else None
        if agenda is None or self._now_s() - agenda.loaded_at_s > self._staleness_s():
            return None
        self._body(agenda)
        return agenda.free

    def holder(self, slot_id: UUID) -> UUID | None:
        """The patient who is known to have the slot; None when it may be free."""
        held = self._holders.get(slot_id)
        if held is None or self._now_s() - held.known_at_s > self._staleness_s():
            return None
        return held.patient_id

    def took(self, doctor_id: UUID, slot_id: UUID, patient_id: UUID) -> None:
        self._change(doctor_id, lambda: self._hold(doctor_id, slot_id, patient_id))

    def freed(self, doctor_id: UUID, slot_id: UUID) -> None:
        self._change(doctor_id, lambda: self._holders.pop(slot_id, None))

    def published(self, doctor_id: UUID) -> None:
        """The doctor has new slots: the next look reads them."""
        self._agendas.pop(doctor_id, None)
        if loading := self._loading.get(doctor_id):
            loading.outdated = True

    def forget(self) -> None:
        """Changes may have been missed: nothing that is remembered can be trusted."""
        self._agendas.clear()
        self._holders.clear()
        for loading in self._loading.values():
            loading.outdated = True

    def _staleness_s(self) -> float:
        return STALENESS_S if self._hears() else STALENESS_DEAF_S

    def _change(self, doctor_id: UUID, change: Callable[[], object]) -> None:
        def apply() -> None:
            change()
            if agenda := self._agendas.get(doctor_id):
                agenda.body = None

        apply()
        if loading := self._loading.get(doctor_id):
            loading.changes.append(apply)

    def _body(self, agenda: _Agenda) -> bytes:
        if agenda.body is None:
            free = [json for slot_id, json in agenda.slots if slot_id not in self._holders]
            agenda.free = len(free)
            agenda.body = b'%b"total":%d,"free":%d,"slots":[%b]}' % (
                agenda.head,
                len(agenda.slots),
                agenda.free,
                b",".join(free),
            )
        return agenda.body

    def _hold(self, doctor_id: UUID, slot_id: UUID, patient_id: UUID) -> None:
        if len(self._holders) >= HOLDERS_MAX:
            self._holders.clear()
            self._agendas.clear()
        self._holders[slot_id] = _Held(doctor_id, patient_id, self._now_s())

    async def _fresh(self, doctor_id: UUID) -> _Agenda | None:
        """Load the agenda; whoever else asks meanwhile waits for the same load."""
        while loading := self._loading.get(doctor_id):
            await asyncio.wait([loading.done])
            if agenda := self._agendas.get(doctor_id):
                return agenda
        loading = self._loading[doctor_id] = _Loading(asyncio.get_running_loop().create_future())
        try:
            while True:
                loading.outdated = False
                loading.changes.clear()
                loaded_at_s = self._now_s()
                loaded = await self._load(doctor_id)
                if not loading.outdated:
                    break
            return self._install(doctor_id, loaded, loaded_at_s, loading.changes) if loaded else None
        finally:
            del self._loading[doctor_id]
            loading.done.set_result(None)

    def _install(
        self, doctor_id: UUID, loaded: LoadedAgenda, loaded_at_s: float, changes: Sequence[Callable[[], None]]
    ) -> _Agenda:
        if len(self._agendas) >= AGENDAS_MAX:
            self._agendas.clear()
        for slot in loaded.slots:
            if slot.holder is None:
                self._holders.pop(slot.id, None)
            else:
                self._hold(doctor_id, slot.id, slot.holder)
        agenda = self._agendas[doctor_id] = _Agenda(
            loaded_at_s,
            b'{"doctor_id":"%b","price_cents":%d,' % (str(doctor_id).encode(), loaded.price_cents),
            [(slot.id, _slot_json(slot)) for slot in loaded.slots],
        )
        for change in changes:
            change()
        return agenda


def _slot_json(slot: LoadedSlot) -> bytes:
    return to_json({"id": slot.id, "starts_at": slot.starts_at, "minutes": slot.minutes})
