"""People who do things to appointments, and what became of these."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from typing import Any, NamedTuple
from uuid import UUID, uuid4

import asyncpg
import httpx
import pytest

from target_app.appointments import expiry
from target_app.identity import keys
from target_app.identity.tokens import Tokens

OFFER_S = 900


@pytest.fixture
def api(stack: Any) -> Iterator[httpx.Client]:
    """Straight to a replica: reception is not let in through the public proxy."""
    with httpx.Client(base_url=stack.replica_urls[0], timeout=30) as client:
        yield client


@pytest.fixture
def act(api: httpx.Client) -> Callable[..., httpx.Response]:
    """Do something to an appointment, e.g. `act(patient, one, "cancel", reason="ill")`."""

    def act(who: Any, appointment: str, action: str, key: str | None = None, **body: Any) -> httpx.Response:
        path = f"/v1/appointments/{appointment}/{action}"
        return api.post(path, json=body, headers=who.headers(key or str(uuid4())))

    return act


@pytest.fixture
def booked(book: Callable[..., httpx.Response], publish: Callable[..., list[str]]) -> Callable[..., Any]:
    """A new appointment of the patient, in a new slot of the doctor."""

    def booked(patient: Any, in_hours: float = 48) -> Any:
        answer = book(patient, publish(in_hours=in_hours)[0])
        assert answer.status_code == 201, answer.text
        return answer.json()

    return booked


@pytest.fixture
def wait_for(api: httpx.Client) -> Callable[..., httpx.Response]:
    """Join the doctor's waiting list."""

    def wait_for(patient: Any, doctor: Any, key: str | None = None) -> httpx.Response:
        return api.put(f"/v1/doctors/{doctor.id}/waiting-list", headers=patient.headers(key or str(uuid4())))

    return wait_for


@pytest.fixture
def offers(api: httpx.Client) -> Callable[[Any], list[Any]]:
    """What a patient is offered."""

    def offers(patient: Any) -> list[Any]:
        answer = api.get("/v1/appointments", params={"state": "offered"}, headers=patient.headers())
        return list(answer.json()["appointments"])

    return offers


@pytest.fixture
def offered(
    booked: Callable[..., Any],
    act: Callable[..., httpx.Response],
    wait_for: Callable[..., httpx.Response],
    offers: Callable[[Any], list[Any]],
    patient: Any,
    doctor: Any,
) -> Callable[..., Any]:
    """What the first of those who wait for the doctor, in this order, is offered once the patient gives up a slot."""

    def offered(first: Any, *others: Any, in_hours: float = 48) -> Any:
        appointment = booked(patient, in_hours)
        for who in (first, *others):
            wait_for(who, doctor)
        assert act(patient, appointment["id"], "cancel", reason="ill").status_code == 200
        return next(offer for offer in offers(first) if offer["slot_id"] == appointment["slot_id"])

    return offered


@pytest.fixture
def history(sql: Callable[..., Any]) -> Callable[[str], list[str]]:
    """The states of an appointment's events, in order."""

    def history(appointment: str) -> list[str]:
        rows = sql("SELECT state FROM appointment_events WHERE appointment_id = $1 ORDER BY id", UUID(appointment))
        return [row["state"] for row in rows]

    return history


@pytest.fixture
def begin(sql: Callable[..., Any]) -> Callable[..., None]:
    """Let an appointment have begun some time ago, in one statement, as its slot must move with it."""

    def begin(appointment: str, minutes_ago: int = 10) -> None:
        sql(
            """
            WITH one AS (
                UPDATE appointments
                SET during = tstzrange(now() - make_interval(mins => $2), now() - make_interval(mins => $2 - 30))
                WHERE id = $1 RETURNING slot_id, during
            )
            UPDATE slots SET during = one.during FROM one WHERE slots.id = one.slot_id
            """,
            UUID(appointment),
            minutes_ago,
        )

    return begin


@pytest.fixture
def lapse(sql: Callable[..., Any]) -> Callable[[str], None]:
    """Let the time of an offer be over."""

    def lapse(appointment: str) -> None:
        sql("UPDATE appointments SET offer_expires_at = now() - interval '1 s' WHERE id = $1", UUID(appointment))

    return lapse


@pytest.fixture
def expire(stack: Any) -> Callable[[], list[tuple[str, str]]]:
    """What the scheduler does: returns doctor and slot of what became free here."""

    def expire() -> list[tuple[str, str]]:
        async def run() -> list[tuple[str, str]]:
            async with asyncpg.create_pool(stack.database_url, min_size=1) as pool:
                freed = await expiry.expire(pool, OFFER_S)
                return [(str(doctor), str(slot)) for doctor, slot in freed]

        return asyncio.run(run())

    return expire


@pytest.fixture
def unregistered(stack: Any, patient: Any) -> Any:
    """Who has a patient's token, as from another issuer, but is no patient here."""
    person = uuid4()
    tokens = Tokens(keys.load(stack.jwt_key_file))
    return replace(patient, id=str(person), token=tokens.issue(person, "patient", 3600))


@pytest.fixture
def staff_of(stack: Any, sql: Callable[..., Any]) -> Callable[[Any], Any]:
    """Reception of a new clinic, in which the doctor then works."""
    tokens = Tokens(keys.load(stack.jwt_key_file))

    def staff_of(doctor: Any) -> Any:
        person, clinic = uuid4(), uuid4()
        email = f"{person}@clinic.example"
        sql("INSERT INTO clinics (id, name) VALUES ($1, $2)", clinic, f"Clinic {clinic}")
        sql("INSERT INTO accounts (id, role, email, password_hash) VALUES ($1, 'staff', $2, '-')", person, email)
        sql("INSERT INTO staff (id, clinic_id, name, email) VALUES ($1, $2, 'Reception', $3)", person, clinic, email)
        sql("UPDATE doctors SET clinic_id = $2 WHERE id = $1", UUID(doctor.id), clinic)
        return replace(doctor, id=str(person), token=tokens.issue(person, "staff", 3600))

    return staff_of


_NEXT = {
    "": {"requested", "offered", "rescheduled"},
    "offered": {"requested", "expired"},
    "requested": {"accepted", "declined", "cancelled", "moved", "expired"},
    "rescheduled": {"accepted", "declined", "cancelled", "moved", "expired"},
    "accepted": {"completed", "no_show", "cancelled", "moved"},
}


@pytest.fixture
def lives_are_right(sql: Callable[..., Any]) -> Callable[[Any], int]:
    """Every appointment of the doctor got to its state step by step, each with exactly one event; no slot has two
    holders; returns how many appointments there are."""

    def lives_are_right(doctor: Any) -> int:
        rows = sql(
            """
            SELECT appointments.id, appointments.state, held_slot_id,
                   array_agg(event.state ORDER BY event.id) FILTER (WHERE event.state <> 'reminder') AS events
            FROM appointments LEFT JOIN appointment_events AS event ON event.appointment_id = appointments.id
            WHERE doctor_id = $1 GROUP BY appointments.id
            """,
            UUID(doctor.id),
        )
        for row in rows:
            assert row["events"], row
            before = ""
            for event in row["events"]:
                assert event in _NEXT.get(before, ()), row
                before = event
            assert row["state"] == {"rescheduled": "requested", "moved": "cancelled"}.get(before, before), row
        held = [row["held_slot_id"] for row in rows if row["held_slot_id"]]
        assert len(held) == len(set(held))
        return len(rows)

    return lives_are_right


Step = tuple[Any, str, dict[str, Any]]


class Answered(NamedTuple):
    status: int
    reason: str
    appointment: dict[str, Any]


class Answers(list[Answered]):
    def statuses(self) -> Counter[tuple[int, str]]:
        """How often each status was answered, with its reason or an empty one."""
        return Counter((answer.status, answer.reason) for answer in self)


@pytest.fixture
def at_once(stack: Any) -> Iterator[Callable[..., Answers]]:
    """Do each step (who, path below /v1/appointments, body) at the same moment, every other one on the other replica,
    and `beside` them; returns the answers in the order of the steps."""
    loop = asyncio.new_event_loop()
    client = httpx.AsyncClient(timeout=30)

    async def do(number: int, step: Step) -> Answered:
        who, path, body = step
        url = f"{stack.replica_urls[number % 2]}/v1/appointments{path}"
        answer = await client.post(url, json=body, headers=who.headers(str(uuid4())))
        content = answer.json()
        return Answered(answer.status_code, content.get("type", "").removeprefix("/problems/"), content)

    async def all_of(steps: tuple[Step, ...], beside: Callable[[], Awaitable[Any]] | None) -> Answers:
        work: list[Awaitable[Any]] = [do(number, step) for number, step in enumerate(steps)]
        return Answers((await asyncio.gather(*work, *([beside()] if beside else [])))[: len(steps)])

    yield lambda *steps, beside=None: loop.run_until_complete(all_of(steps, beside))
    loop.run_until_complete(client.aclose())
    loop.close()


@pytest.fixture
def ready(publish: Any, book: Any) -> Callable[..., list[dict[str, Any]]]:
    """So many appointments of the patients in turn, in slots one after the other."""

    def ready(count: int, *patients: Any) -> list[dict[str, Any]]:
        slots = publish(count)
        return [book(patients[number % len(patients)], slot).json() for number, slot in enumerate(slots)]

    return ready
