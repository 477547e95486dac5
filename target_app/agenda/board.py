"""What one replica remembers of the agendas, so that thousands of patients can look at one without a query each.

The board may be behind the database by a bounded time, and it is only ever used to show an agenda and to answer
"taken" early. That a slot is free is never believed: only the database gives a slot away.

An agenda may be loaded from a replica of the database that is behind, but not one that changed since: of what this
process knows to have happened nothing is undone by a load. Who has just booked, cancelled or published sees it here,
and at another process once that has heard of it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, NamedTuple
from uuid import UUID

from target_app.agenda import etag
from target_app.encoding import to_kept_json

STALENESS_S: Final = 10.0
"""How far an agenda may be behind while the other replicas' changes are heard as they happen."""
STALENESS_DEAF_S: Final = 0.25
"""The same while they are not heard."""
ASK_AGAIN: Final = (b"cache-control", b"private, no-cache")
"""The client may keep an agenda, but asks with its tag each time whether it still holds."""
AGENDAS_MAX: Final = 10_000
HOLDERS_MAX: Final = 200_000
FORMER_MAX: Final = 200_000
ROUNDS_MAX: Final = 3
"""An agenda that changes during each load is loaded so often, then shown as it was at last and not kept."""


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
    as_of_s: float
    """Everything that was committed before is in it, on the board's clock."""


class Page(NamedTuple):
    """An agenda as it is sent: its free slots as JSON, the tag of just this content, and the headers that say so."""

    body: bytes
    tag: bytes
    headers: tuple[tuple[bytes, bytes], ...]


class _Held(NamedTuple):
    doctor_id: UUID
    patient_id: UUID
    known_at_s: float


@dataclass(slots=True)
class _Agenda:
    as_of_s: float
    head: bytes
    slots: list[tuple[UUID, bytes]]
    """Each slot's id and JSON."""
    page: Page | None = None
    free: int = 0
    """How many of the slots are free; counts for as long as `page` does."""


@dataclass(slots=True)
class _Loading:
    """A load that is under way, and what happened since it began."""

    done: asyncio.Future[_Agenda | None]
    """Cancelled with whoever loads."""
    changes: list[Callable[[], None]] = field(default_factory=list)
    outdated: bool = False


class Board:
    """`load` reads an agenda (None for an unknown doctor) as it is in the database or a little behind, with at least
    everything that was committed before the moment that it is given; `hears` tells whether the changes that other
    replicas make arrive; `now_s` is a monotonic clock."""

    def __init__(
        self,
        load: Callable[[UUID, float], Awaitable[LoadedAgenda | None]],
        hears: Callable[[], bool],
        now_s: Callable[[], float],
    ) -> None:
        self._load, self._hears, self._now_s = load, hears, now_s
        self._agendas: dict[UUID, _Agenda] = {}
        self._holders: dict[UUID, _Held] = {}
        self._former: set[tuple[UUID, UUID]] = set()
        """Slots, each with a patient who had it and gave it up."""
        self._loading: dict[UUID, _Loading] = {}
        self._changed_at_s: dict[UUID, float] = {}
        self._any_changed_at_s = float("-inf")
        """When a doctor may have changed who is not among those of whom it is known."""

    async def agenda(self, doctor_id: UUID) -> Page | None:
        """The doctor's free slots; None for an unknown doctor."""
        agenda = self._agendas.get(doctor_id)
        if agenda is None or self._now_s() - agenda.as_of_s > self._staleness_s():
            agenda = await self._fresh(doctor_id)
            if agenda is None:
                return None
        return self._page(agenda)

    def free(self, slot_id: UUID) -> int | None:
        """How many slots are free in the agenda that a taken slot belongs to; None when it is not known."""
        held = self._holders.get(slot_id)
        agenda = self._agendas.get(held.doctor_id) if held else None
        if agenda is None or self._now_s() - agenda.as_of_s > self._staleness_s():
            return None
        self._page(agenda)
        return agenda.free

    def holder(self, slot_id: UUID) -> UUID | None:
        """The patient who is known to have the slot; None when it may be free."""
        held = self._holders.get(slot_id)
        if held is None or self._now_s() - held.known_at_s > self._staleness_s():
            return None
        return held.patient_id

    def had(self, slot_id: UUID, patient_id: UUID) -> bool:
        """Whether the patient is known to have had the slot once. That somebody else has it now is then no answer to
        the retry of a booking: only the database knows the booking's key."""
        return (slot_id, patient_id) in self._former

    def took(self, doctor_id: UUID, slot_id: UUID, patient_id: UUID) -> None:
        known_at_s = self._now_s()
        self._change(doctor_id, lambda: self._hold(doctor_id, slot_id, patient_id, known_at_s))

    def freed(self, doctor_id: UUID, slot_id: UUID) -> None:
        self._change(doctor_id, lambda: self._free(slot_id))

    def published(self, doctor_id: UUID) -> None:
        """The doctor has new slots: the next look reads them."""
        self._note_change(doctor_id)
        self._agendas.pop(doctor_id, None)
        if loading := self._loading.get(doctor_id):
            loading.outdated = True

    def forget(self) -> None:
        """Changes may have been missed: nothing that is remembered can be trusted."""
        self._agendas.clear()
        self._holders.clear()
        self._any_change()
        for loading in self._loading.values():
            loading.outdated = True

    def since_s(self, doctor_id: UUID) -> float:
        """What was committed before this moment must be in whatever is read of the doctor."""
        if not self._hears():
            return self._now_s()
        return self._changed_at_s.get(doctor_id, self._any_changed_at_s)

    def _staleness_s(self) -> float:
        return STALENESS_S if self._hears() else STALENESS_DEAF_S

    def _note_change(self, doctor_id: UUID) -> None:
        if len(self._changed_at_s) >= AGENDAS_MAX:
            self._any_change()
        self._changed_at_s[doctor_id] = self._now_s()

    def _any_change(self) -> None:
        self._changed_at_s.clear()
        self._any_changed_at_s = self._now_s()

    def _change(self, doctor_id: UUID, change: Callable[[], object]) -> None:
        self._note_change(doctor_id)

        def apply() -> None:
            change()
            if agenda := self._agendas.get(doctor_id):
                agenda.page = None

        apply()
        if loading := self._loading.get(doctor_id):
            loading.changes.append(apply)

    def _page(self, agenda: _Agenda) -> Page:
        if agenda.page is None:
            free = [json for slot_id, json in agenda.slots if slot_id not in self._holders]
            agenda.free = len(free)
            body = b'%b"total":%d,"free":%d,"slots":[%b]}' % (
                agenda.head,
                len(agenda.slots),
                agenda.free,
                b",".join(free),
            )
            tag = etag.of(body)
            agenda.page = Page(body, tag, (ASK_AGAIN, (b"etag", tag)))
        return agenda.page

    def _hold(self, doctor_id: UUID, slot_id: UUID, patient_id: UUID, known_at_s: float) -> None:
        self._make_room(1)
        if (held := self._holders.get(slot_id)) and held.patient_id != patient_id:
            self._free(slot_id)
        self._holders[slot_id] = _Held(doctor_id, patient_id, known_at_s)

    def _free(self, slot_id: UUID) -> None:
        if held := self._holders.pop(slot_id, None):
            if len(self._former) >= FORMER_MAX:
                self._former.clear()
            self._former.add((slot_id, held.patient_id))

    def _make_room(self, holders: int) -> None:
        """Agendas go with the holders: without these they would show taken slots as free."""
        if len(self._holders) + holders > HOLDERS_MAX:
            self._holders.clear()
            self._agendas.clear()

    async def _fresh(self, doctor_id: UUID) -> _Agenda | None:
        """Load the agenda; whoever else asks meanwhile waits for the same load, and gets what came of it."""
        while loading := self._loading.get(doctor_id):
            await asyncio.wait([loading.done])
            if not loading.done.cancelled() and (loading.done.exception() or not loading.outdated):
                return loading.done.result()
        loading = self._loading[doctor_id] = _Loading(asyncio.get_running_loop().create_future())
        try:
            loaded = None
            for _ in range(ROUNDS_MAX):
                loading.outdated = False
                loading.changes.clear()
                loaded = await self._load(doctor_id, self.since_s(doctor_id))
                if not loading.outdated:
                    break
            agenda = self._install(doctor_id, loaded, loading.changes) if loaded else None
            if loading.outdated:
                self._agendas.pop(doctor_id, None)
            loading.done.set_result(agenda)
            return agenda
        except Exception as error:
            loading.done.set_exception(error)
            loading.done.exception()  # known, also when nobody waits
            raise
        finally:
            del self._loading[doctor_id]
            loading.done.cancel()

    def _install(self, doctor_id: UUID, loaded: LoadedAgenda, changes: Sequence[Callable[[], None]]) -> _Agenda:
        if len(self._agendas) >= AGENDAS_MAX:
            self._agendas.clear()
        self._make_room(len(loaded.slots) + len(changes))
        for slot in loaded.slots:
            if slot.holder is None:
                self._free(slot.id)
            else:
                self._hold(doctor_id, slot.id, slot.holder, loaded.as_of_s)
        agenda = self._agendas[doctor_id] = _Agenda(
            loaded.as_of_s,
            b'{"doctor_id":"%b","price_cents":%d,' % (str(doctor_id).encode(), loaded.price_cents),
            [(slot.id, _slot_json(slot)) for slot in loaded.slots],
        )
        for change in changes:
            change()
        return agenda


def _slot_json(slot: LoadedSlot) -> bytes:
    return to_kept_json({"id": slot.id, "starts_at": slot.starts_at, "minutes": slot.minutes})
