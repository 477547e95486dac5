import asyncio
from datetime import UTC, datetime
from uuid import UUID, uuid4

import orjson
import pytest

from target_app.agenda.board import STALENESS_DEAF_S, STALENESS_S, Board, LoadedAgenda, LoadedSlot

DOCTOR, PATIENT, OTHER = uuid4(), uuid4(), uuid4()
START = datetime(2027, 3, 1, 12, tzinfo=UTC)


class Database:
    """What the board would load, how often it was asked, and a gate that holds a load up."""

    def __init__(self) -> None:
        self.slots: dict[UUID, UUID | None] = {uuid4(): None, uuid4(): None}
        self.loads = 0
        self.gate = asyncio.Event()
        self.gate.set()

    async def load(self, doctor_id: UUID) -> LoadedAgenda | None:
        self.loads += 1
        slots = [LoadedSlot(slot, START, 30, holder) for slot, holder in self.slots.items()]
        await self.gate.wait()
        return LoadedAgenda(20_000, slots) if doctor_id == DOCTOR else None


class Clock:
    def __init__(self) -> None:
        self.now_s = 100.0
        self.hears = True


async def free(board: Board) -> list[UUID]:
    body = await board.agenda(DOCTOR)
    assert body is not None
    agenda = orjson.loads(body)
    assert agenda["free"] == len(agenda["slots"])
    return [UUID(slot["id"]) for slot in agenda["slots"]]


@pytest.fixture
def database() -> Database:
    return Database()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def board(database: Database, clock: Clock) -> Board:
    return Board(database.load, lambda: clock.hears, lambda: clock.now_s)


def test_an_agenda_lists_the_free_slots_with_the_price(board: Board, database: Database) -> None:
    first, second = database.slots
    database.slots[first] = PATIENT
    body = asyncio.run(board.agenda(DOCTOR))
    assert body is not None
    assert orjson.loads(body) == {
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


def test_who_waits_for_a_load_that_fails_loads_for_himself(database: Database) -> None:
    async def load_badly(doctor_id: UUID) -> LoadedAgenda | None:
        if database.loads == 0:
            await database.load(doctor_id)
            raise ConnectionError
        return await database.load(doctor_id)

    async def look() -> None:
        board = Board(load_badly, lambda: True, lambda: 0.0)
        outcomes = await asyncio.gather(free(board), free(board), return_exceptions=True)
        assert isinstance(outcomes[0], ConnectionError)
        assert outcomes[1] == list(database.slots)

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
