import asyncio
import subprocess
import sys
from datetime import UTC, datetime
from uuid import UUID, uuid4

import orjson
import pytest

from target_app.agenda.board import ROUNDS_MAX, STALENESS_DEAF_S, STALENESS_S, Board, LoadedAgenda, LoadedSlot

DOCTOR, PATIENT, OTHER = uuid4(), uuid4(), uuid4()
START = datetime(2027, 3, 1, 12, tzinfo=UTC)


class Clock:
    def __init__(self) -> None:
        self.now_s = 100.0
        self.hears = True


class Database:
    """What the board would load, how often it was asked, and a gate that holds a load up.

    Without a lag it is a primary. A lag makes it a replica: it shows what there was `lag_s` ago, `old_slots`, but to
    whoever needs a later state.
    """

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.lag_s = 0.0
        self.old_slots: dict[UUID, UUID | None] = {}
        self.slots: dict[UUID, UUID | None] = {uuid4(): None, uuid4(): None}
        self.loads = 0
        self.gate = asyncio.Event()
        self.gate.set()

    async def load(self, doctor_id: UUID, since_s: float) -> LoadedAgenda | None:
        self.loads += 1
        as_of_s = self.clock.now_s - self.lag_s
        seen = self.slots
        if self.lag_s and as_of_s >= since_s:
            seen = self.old_slots
        elif self.lag_s:
            as_of_s = self.clock.now_s
        slots = [LoadedSlot(slot, START, 30, holder) for slot, holder in seen.items()]
        await self.gate.wait()
        return LoadedAgenda(20_000, slots, as_of_s) if doctor_id == DOCTOR else None


async def free(board: Board) -> list[UUID]:
    page = await board.agenda(DOCTOR)
    assert page is not None
    agenda = orjson.loads(page.body)
    assert agenda["free"] == len(agenda["slots"])
    return [UUID(slot["id"]) for slot in agenda["slots"]]


@pytest.fixture
def database(clock: Clock) -> Database:
    return Database(clock)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def board(database: Database, clock: Clock) -> Board:
    return Board(database.load, lambda: clock.hears, lambda: clock.now_s)


def test_an_agenda_lists_the_free_slots_with_the_price(board: Board, database: Database) -> None:
    first, second = database.slots
    database.slots[first] = PATIENT
    page = asyncio.run(board.agenda(DOCTOR))
    assert page is not None
    assert orjson.loads(page.body) == {
        "doctor_id": str(DOCTOR),
        "price_cents": 20_000,
        "total": 2,
        "free": 1,
        "slots": [{"id": str(second), "starts_at": "2027-03-01T12:00:00Z", "minutes": 30}],
    }


def test_an_unknown_doctor_has_no_agenda(board: Board) -> None:
    assert asyncio.run(board.agenda(uuid4())) is None


def test_looking_again_asks_the_database_only_once_the_agenda_is_stale(
    board: Board, database: Database, clock: Clock
) -> None:
    async def look() -> None:
        await free(board)
        clock.now_s += STALENESS_S
        await free(board)
        assert database.loads == 1
        clock.now_s += 0.01
        await free(board)
        assert database.loads == 2

    asyncio.run(look())


def test_a_deaf_replica_trusts_its_memory_for_a_shorter_time(board: Board, database: Database, clock: Clock) -> None:
    async def look() -> None:
        await free(board)
        clock.hears = False
        clock.now_s += STALENESS_DEAF_S + 0.01
        await free(board)
        assert database.loads == 2

    asyncio.run(look())


def test_many_who_look_at_once_share_one_load(board: Board, database: Database) -> None:
    async def look() -> None:
        await asyncio.gather(*(free(board) for _ in range(50)))
        assert database.loads == 1

    asyncio.run(look())


def test_a_taken_slot_disappears_and_a_freed_one_comes_back(board: Board, database: Database) -> None:
    first, second = database.slots

    async def change() -> None:
        await free(board)
        board.took(DOCTOR, first, PATIENT)
        assert await free(board) == [second]
        assert board.holder(first) == PATIENT
        board.freed(DOCTOR, first)
        assert await free(board) == [first, second]
        assert board.holder(first) is None
        assert database.loads == 1

    asyncio.run(change())


def test_who_had_a_slot_and_gave_it_up_is_known_however_it_went_on(board: Board, database: Database) -> None:
    freed, handed_on, loaded = uuid4(), uuid4(), next(iter(database.slots))
    for slot in (freed, handed_on, loaded):
        board.took(DOCTOR, slot, PATIENT)
        assert not board.had(slot, PATIENT)
    board.freed(DOCTOR, freed)
    board.took(DOCTOR, freed, OTHER)
    board.took(DOCTOR, handed_on, OTHER)
    database.slots[loaded] = OTHER
    asyncio.run(board.agenda(DOCTOR))
    for slot in (freed, handed_on, loaded):
        assert (board.holder(slot), board.had(slot, PATIENT), board.had(slot, OTHER)) == (OTHER, True, False)


def test_taken_is_not_believed_for_longer_than_the_staleness(board: Board, database: Database, clock: Clock) -> None:
    slot = next(iter(database.slots))
    board.took(DOCTOR, slot, PATIENT)
    assert board.holder(slot) == PATIENT
    clock.now_s += STALENESS_S + 0.01
    assert board.holder(slot) is None


def test_what_happens_during_a_load_is_not_lost(board: Board, database: Database) -> None:
    """The load may have read the database before the change."""
    first, second = database.slots

    async def change() -> None:
        database.gate.clear()
        looking = asyncio.create_task(free(board))
        await asyncio.sleep(0)
        board.took(DOCTOR, first, PATIENT)
        board.took(DOCTOR, second, OTHER)
        board.freed(DOCTOR, second)
        database.gate.set()
        assert await looking == [second]

    asyncio.run(change())


def test_slots_published_during_a_load_make_it_load_again(board: Board, database: Database) -> None:
    async def change() -> None:
        database.gate.clear()
        looking = asyncio.create_task(free(board))
        await asyncio.sleep(0)
        database.slots[uuid4()] = None
        board.published(DOCTOR)
        database.gate.set()
        assert len(await looking) == 3

    asyncio.run(change())


def test_a_load_that_fails_fails_for_all_who_wait_and_is_tried_again_by_the_next(database: Database) -> None:
    """Else each would wait for the database in turn, while it is away."""

    async def load_badly(doctor_id: UUID, since_s: float) -> LoadedAgenda | None:
        agenda = await database.load(doctor_id, since_s)
        if database.loads == 1:
            raise ConnectionError
        return agenda

    async def look() -> None:
        board = Board(load_badly, lambda: True, lambda: 0.0)
        database.gate.clear()
        looking = [asyncio.create_task(free(board)) for _ in range(5)]
        await asyncio.sleep(0)
        database.gate.set()
        outcomes = await asyncio.gather(*looking, return_exceptions=True)
        assert [type(outcome) for outcome in outcomes] == [ConnectionError] * 5
        assert database.loads == 1
        assert await free(board) == list(database.slots)

    asyncio.run(look())


def test_who_goes_away_while_loading_leaves_it_to_those_who_wait(board: Board, database: Database) -> None:
    async def look() -> None:
        database.gate.clear()
        first, *others = [asyncio.create_task(free(board)) for _ in range(3)]
        await asyncio.sleep(0)
        first.cancel()
        while database.loads < 2:
            await asyncio.sleep(0)
        await asyncio.sleep(0)
        database.gate.set()
        assert await asyncio.gather(*others) == [list(database.slots)] * 2
        assert database.loads == 2

    asyncio.run(look())


def test_an_agenda_that_never_stops_changing_is_shown_all_the_same_but_not_kept(database: Database) -> None:
    async def look() -> None:
        async def load(doctor_id: UUID, since_s: float) -> LoadedAgenda | None:
            agenda = await database.load(doctor_id, since_s)
            busy.published(doctor_id)
            return agenda

        busy = Board(load, lambda: True, lambda: 0.0)
        for rounds in (ROUNDS_MAX, 2 * ROUNDS_MAX):
            assert await free(busy) == list(database.slots)
            assert database.loads == rounds

    asyncio.run(look())


def test_more_holders_than_are_remembered_make_no_taken_slot_free(
    board: Board, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("target_app.agenda.board.HOLDERS_MAX", 5)
    database.slots = {uuid4(): PATIENT for _ in range(4)}

    async def look() -> None:
        for _ in range(3):
            board.took(uuid4(), uuid4(), OTHER)
        assert await free(board) == []
        assert await free(board) == []

    asyncio.run(look())

    asyncio.run(look())


def test_a_replica_that_may_have_missed_changes_forgets(board: Board, database: Database) -> None:
    first, second = database.slots

    async def change() -> None:
        await free(board)
        board.took(DOCTOR, first, PATIENT)
        database.slots = {second: None}
        board.forget()
        assert board.holder(first) is None
        assert await free(board) == [second]

    asyncio.run(change())


def test_a_taken_slot_tells_how_many_are_left_while_that_is_known(
    board: Board, database: Database, clock: Clock
) -> None:
    first, second = database.slots

    async def sell() -> None:
        board.took(DOCTOR, first, PATIENT)
        assert board.free(first) is None  # nobody has looked at the agenda
        await free(board)
        board.took(DOCTOR, first, PATIENT)
        assert board.free(first) == 1
        board.took(DOCTOR, second, OTHER)
        assert board.free(first) == 0
        clock.now_s += STALENESS_S + 0.01
        assert board.free(first) is None

    asyncio.run(sell())


@pytest.mark.parametrize("change", ["took", "freed", "published", "forget"])
def test_a_replica_that_is_behind_is_not_read_for_an_agenda_that_changed_since(
    board: Board, database: Database, clock: Clock, change: str
) -> None:
    """Else a slot that somebody has just booked here would be free again, or a new one be gone."""
    first, second = database.slots
    database.lag_s, database.old_slots = 2.0, {first: None, second: OTHER}

    async def look_after_the_change() -> None:
        assert await free(board) == [first]
        clock.now_s += 5
        database.slots = {first: PATIENT, second: None}
        match change:
            case "took":
                board.took(DOCTOR, first, PATIENT)
            case "freed":
                board.freed(DOCTOR, second)
            case "published":
                board.published(DOCTOR)
            case "forget":
                board.forget()
        clock.now_s += 1.9
        board._agendas.clear()  # whatever makes it load now
        assert await free(board) == [second]
        assert board.holder(first) == PATIENT

        database.old_slots = database.slots = {first: OTHER, second: PATIENT}
        clock.now_s += STALENESS_S + 0.2  # by now the replica has it
        assert board.since_s(DOCTOR) <= clock.now_s - database.lag_s
        assert await free(board) == []

    asyncio.run(look_after_the_change())


def test_an_agenda_from_a_replica_is_as_old_as_the_replica(board: Board, database: Database, clock: Clock) -> None:
    database.lag_s, database.old_slots = 2.0, database.slots

    async def look() -> None:
        await free(board)
        clock.now_s += STALENESS_S - database.lag_s
        await free(board)
        assert database.loads == 1
        clock.now_s += 0.01
        await free(board)
        assert database.loads == 2

    asyncio.run(look())


def test_a_deaf_board_reads_no_replica(board: Board, database: Database, clock: Clock) -> None:
    first, second = database.slots
    database.slots[first] = PATIENT
    database.lag_s, database.old_slots = 0.1, {first: None, second: None}
    clock.hears = False
    assert asyncio.run(free(board)) == [second]


def test_changes_of_more_doctors_than_are_remembered_are_not_forgotten(
    board: Board, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("target_app.agenda.board.AGENDAS_MAX", 2)
    doctors = [uuid4() for _ in range(5)]
    for doctor in doctors:
        board.published(doctor)
        clock.now_s += 1
    for number, doctor in enumerate(doctors):
        assert board.since_s(doctor) >= 100 + number


REMEMBERING = """
import asyncio
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID
from target_app.agenda.board import Board, LoadedAgenda, LoadedSlot

async def load(doctor, since_s):
    slots = [LoadedSlot(UUID(int=doctor.int * 100 + n), datetime(2027, 3, 1, tzinfo=UTC), 30, None) for n in range(60)]
    return LoadedAgenda(20_000, slots, 0.0)

async def look(doctors):
    board = Board(load, lambda: True, lambda: 0.0)
    for number in doctors:
        await board.agenda(UUID(int=number))
    return board

def anonymous_kib():
    lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("Anonymous:")))

asyncio.run(look(range(5)))
before_kib = anonymous_kib()
board = asyncio.run(look(range(500)))
print((anonymous_kib() - before_kib) * 1024 // (500 * 60))
"""


def test_a_slot_that_is_remembered_takes_half_a_kilobyte_of_the_replica() -> None:
    """As 60,000 slots are shown by a replica that has 256 MiB for everything."""
    measured = subprocess.run([sys.executable, "-c", REMEMBERING], capture_output=True, text=True, check=True)

    assert int(measured.stdout) < 750
