"""Who may ask what: every route with every role, with one's own ids and with a stranger's.

The routes come from the OpenAPI document; one that is not in the table below fails the test.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import httpx
import pytest

from target_app.app import create_app
from target_app.identity import keys
from target_app.identity.tokens import Tokens
from target_app.settings import Settings

EVERYBODY: Final = frozenset({"nobody", "patient", "doctor", "staff"})
WORLDS_MAX: Final = 80
"""One for each write of each role that may, and some to spare."""
SIGNED_IN: Final = EVERYBODY - {"nobody"}
PATIENT: Final = frozenset({"patient"})
DOCTOR: Final = frozenset({"doctor"})
STAFF: Final = frozenset({"staff"})
CARERS: Final = DOCTOR | STAFF
TREATED: Final = PATIENT | DOCTOR

MAY: Final[dict[str, frozenset[str]]] = {
    "POST /v1/sessions": EVERYBODY,
    "POST /v1/sessions/refresh": EVERYBODY,
    "POST /v1/sessions/logout": EVERYBODY,
    "GET /.well-known/jwks.json": EVERYBODY,
    "POST /v1/patients": EVERYBODY,
    "POST /v1/doctors": EVERYBODY,
    "GET /v1/me": SIGNED_IN,
    "PATCH /v1/me": SIGNED_IN,
    "DELETE /v1/me": PATIENT,
    "GET /v1/doctors": SIGNED_IN,
    "GET /v1/doctors/{doctor_id}": SIGNED_IN,
    "GET /v1/specialties": SIGNED_IN,
    "GET /v1/doctors/{doctor_id}/agenda": SIGNED_IN,
    "GET /v1/doctors/{doctor_id}/slots": CARERS,
    "POST /v1/slots": CARERS,
    "POST /v1/slots/weekly": CARERS,
    "PATCH /v1/slots/{slot_id}": CARERS,
    "DELETE /v1/slots/{slot_id}": CARERS,
    "POST /v1/appointments": PATIENT,
    "GET /v1/appointments": SIGNED_IN,
    "GET /v1/appointments/{appointment_id}": SIGNED_IN,
    "GET /v1/appointments/{appointment_id}/history": SIGNED_IN,
    "POST /v1/appointments/{appointment_id}/accept": CARERS,
    "POST /v1/appointments/{appointment_id}/decline": CARERS,
    "POST /v1/appointments/{appointment_id}/cancel": SIGNED_IN,
    "POST /v1/appointments/{appointment_id}/complete": CARERS,
    "POST /v1/appointments/{appointment_id}/no-show": CARERS,
    "POST /v1/appointments/{appointment_id}/reschedule": PATIENT,
    "POST /v1/appointments/{appointment_id}/accept-offer": PATIENT,
    "POST /v1/appointments/{appointment_id}/refuse-offer": PATIENT,
    "POST /v1/appointments/{appointment_id}/prescriptions": DOCTOR,
    "GET /v1/waiting-list": PATIENT,
    "PUT /v1/doctors/{doctor_id}/waiting-list": PATIENT,
    "DELETE /v1/doctors/{doctor_id}/waiting-list": PATIENT,
    "GET /v1/records": TREATED,
    "POST /v1/records": TREATED,
    "GET /v1/records/{record_id}": TREATED,
    "DELETE /v1/records/{record_id}": PATIENT,
    "POST /v1/records/{record_id}/uploaded": TREATED,
    "GET /v1/records/{record_id}/download": TREATED,
    "GET /v1/records/shares": PATIENT,
    "PUT /v1/records/shares/{doctor_id}": PATIENT,
    "DELETE /v1/records/shares/{doctor_id}": PATIENT,
    "GET /v1/records/accesses": PATIENT,
    "GET /v1/prescriptions": TREATED,
    "GET /v1/notifications": STAFF,
    "POST /v1/notifications/{event_id}/retry": STAFF,
}
"""Which roles get past the door. What they then see of it is another question, below."""

BODIES: Final[dict[str, dict[str, Any]]] = {
    "PATCH /v1/slots/{slot_id}": {"minutes": 20},
    "POST /v1/appointments/{appointment_id}/accept": {},
    "POST /v1/appointments/{appointment_id}/decline": {"reason": "I am away"},
    "POST /v1/appointments/{appointment_id}/cancel": {"reason": "I am away"},
    "POST /v1/appointments/{appointment_id}/reschedule": {"slot_id": "{slot_id}"},
    "POST /v1/appointments/{appointment_id}/prescriptions": {
        "items": [{"medicine": "Dipirona 500 mg", "dosage": "1", "instructions": "Every 6 hours"}]
    },
    "POST /v1/notifications/{event_id}/retry": {"recipient": "{email}"},
}
"""What a valid request of those who name somebody's things says."""

DOCUMENT: Final = create_app(Settings("", "", "", Path())).app.openapi()
OPERATIONS: Final = [f"{method.upper()} {path}" for path, methods in DOCUMENT["paths"].items() for method in methods]
PUBLIC_IDS: Final = ("{doctor_id}",)
SOMEBODYS: Final = [
    *(name for name in OPERATIONS if "{" in name and not any(each in name for each in PUBLIC_IDS)),
    "GET /v1/doctors/{doctor_id}/slots",
]
"""Those that name a thing which belongs to somebody."""
NOT_OWN: Final = {
    ("POST /v1/records/{record_id}/uploaded", "doctor"),  # the patient announced it
}
"""What stays closed to somebody of the right role whose patient or doctor it is."""
TODAY: Final = datetime.now(UTC).date()
MONDAY: Final = TODAY + timedelta(days=70 - TODAY.weekday())
SLOTS: Final = {"slots": [{"starts_at": f"{MONDAY - timedelta(days=1)}T12:00:00Z", "minutes": 30}]}
WEEK: Final = {
    "first_day": str(MONDAY),
    "last_day": str(MONDAY),
    "weekdays": [{"weekday": 1, "from": "09:00", "until": "10:00", "minutes": 30}],
}
FILE: Final = {
    "name": "blood test",
    "kind": "report",
    "content_type": "application/pdf",
    "size_bytes": 1000,
    "sha256": "ab" * 32,
}
NAMED: Final = (
    ("doctor", "POST /v1/slots?doctor_id={doctor_id}", SLOTS),
    ("staff", "POST /v1/slots?doctor_id={doctor_id}", SLOTS),
    ("doctor", "POST /v1/slots/weekly?doctor_id={doctor_id}", WEEK),
    ("staff", "POST /v1/slots/weekly?doctor_id={doctor_id}", WEEK),
    ("patient", "POST /v1/records", FILE | {"patient_id": "{patient_id}"}),
    ("doctor", "POST /v1/records", FILE | {"patient_id": "{patient_id}"}),
    ("doctor", "GET /v1/records?patient_id={patient_id}", None),
)
"""Requests that name a stranger elsewhere than in the path."""

Ask = Callable[..., httpx.Response]


@dataclass(frozen=True)
class World:
    """A victim with an appointment, a file and an e-mail. `headers`: of a stranger of each role, or of whose it is."""

    ids: dict[str, str]
    victim: Any
    headers: dict[str, dict[str, str]]
    personal: tuple[str, ...] = ()
    """What nobody may read who is a stranger."""


@pytest.fixture(scope="module")
def staff_of(stack: Any, sql: Any) -> Callable[[], tuple[Any, dict[str, str]]]:
    """Makes a clinic with one member of staff: the clinic's id, and their headers."""

    def staff_of() -> tuple[Any, dict[str, str]]:
        staff_id = uuid4()
        sql(
            "INSERT INTO accounts (id, role, email, password_hash) VALUES ($1, 'staff', $2, '!')",
            staff_id,
            f"{staff_id}@clinic.example",
        )
        (clinic,) = sql(
            """
            WITH clinic AS (INSERT INTO clinics (name) VALUES ($2) RETURNING id)
            INSERT INTO staff (id, clinic_id, name, email) SELECT $1, id, 'Reception', $3 FROM clinic
            RETURNING clinic_id
            """,
            staff_id,
            f"Clinic {staff_id}",
            f"{staff_id}@clinic.example",
        )
        token = Tokens(keys.load(stack.jwt_key_file)).issue(staff_id, "staff", 900)
        return clinic["clinic_id"], {"Authorization": f"Bearer {token}"}

    return staff_of


@pytest.fixture(scope="module")
def make_world(stack: Any, accounts: Any, sql: Any, staff_of: Any) -> Iterator[Callable[[], World]]:
    """Another victim, whose doctor is of one clinic. The headers are of those whose all this is."""
    clinic, staff = staff_of()
    doctors = [next(accounts.doctors) for _ in range(WORLDS_MAX)]
    sql("UPDATE doctors SET clinic_id = $1 WHERE id = ANY ($2::uuid[])", clinic, [doctor.id for doctor in doctors])
    with httpx.Client(base_url=stack.base_url, timeout=30) as api:
        yield lambda: _world(api, next(accounts.patients), doctors.pop(), staff)


def _world(api: httpx.Client, victim: Any, treating: Any, staff: dict[str, str]) -> World:
    times = [{"starts_at": f"{TODAY + timedelta(days=days)}T12:00:00Z", "minutes": 30} for days in (30, 31)]
    slots = api.post("/v1/slots", json={"slots": times}, headers=treating.headers(str(uuid4()))).json()["slots"]
    choice = {"slot_id": slots[0]["id"]}
    appointment = api.post("/v1/appointments", json=choice, headers=victim.headers(str(uuid4()))).json()
    record = api.post("/v1/records", json=FILE, headers=victim.headers(str(uuid4()))).json()
    return World(
        ids={
            "appointment_id": appointment["id"],
            "slot_id": slots[1]["id"],
            "record_id": record["id"],
            "event_id": str(uuid4()),
            "doctor_id": treating.id,
            "patient_id": victim.id,
        },
        victim=victim,
        headers={"nobody": {}, "patient": victim.headers(), "doctor": treating.headers(), "staff": staff},
    )


@pytest.fixture(scope="module")
def own(make_world: Callable[[], World], sql: Any, eventually: Any) -> World:
    """What nobody changes."""
    own = make_world()
    (person,) = sql("SELECT name, email, cpf FROM patients WHERE id = $1::uuid", own.victim.id)
    (event,) = sql(
        "SELECT id FROM appointment_events WHERE appointment_id = $1::uuid LIMIT 1", own.ids["appointment_id"]
    )
    own.ids.update(event_id=str(event["id"]), email=person["email"])
    sent = "SELECT FROM notifications WHERE event_id = $1 AND recipient = $2"
    eventually(lambda: sql(sent, event["id"], person["email"]))
    return replace(own, personal=(person["name"], person["email"], person["cpf"]))


@pytest.fixture(scope="module")
def world(own: World, accounts: Any, staff_of: Any) -> World:
    """The same for strangers."""
    _, of_another_clinic = staff_of()
    strangers = {
        "nobody": {},
        "patient": next(accounts.patients).headers(),
        "doctor": next(accounts.doctors).headers(),
        "staff": of_another_clinic,
    }
    return replace(own, headers=strangers)


@pytest.fixture
def ask(api: httpx.Client, world: World) -> Ask:
    def ask(operation: str, role: str, body: Any = None, at: World = world) -> httpx.Response:
        method, path = operation.split(" ")
        headers = at.headers[role] | {"Idempotency-Key": str(uuid4())}
        if isinstance(body, dict):
            body = {name: at.ids.get(str(value).strip("{}"), value) for name, value in body.items()}
        return api.request(method, path.format(**at.ids), json=body, headers=headers)

    return ask


def test_every_route_is_in_the_table() -> None:
    assert set(OPERATIONS) == set(MAY)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_only_the_roles_that_may_get_past_the_door(
    operation: str, ask: Ask, reason: Any, world: World, own: World, attack: Any
) -> None:
    """Neither with a stranger's ids nor with their own."""
    forbidden = attack("a route that is not for one's role")
    for whose in (world, own):
        for role in sorted(EVERYBODY - MAY[operation]):
            answer = ask(operation, role, at=whose)
            forbidden.tried(f"{answer.status_code}")
            wanted = (401, "unauthenticated") if role == "nobody" else (403, "forbidden")
            assert (answer.status_code, reason(answer)) == wanted, role


@pytest.mark.parametrize("operation", OPERATIONS)
def test_who_may_gets_at_what_is_theirs(operation: str, ask: Ask, own: World, make_world: Callable[[], World]) -> None:
    is_read = operation.startswith("GET") or "{event_id}" in operation
    for role in sorted(MAY[operation] & own.headers.keys()):
        answer = ask(operation, role, BODIES.get(operation), at=own if is_read else make_world())
        assert answer.status_code < 500, (role, answer.text)
        is_closed = answer.status_code in (401, 403, 404)
        assert is_closed is ((operation, role) in NOT_OWN), (role, answer.text)


@pytest.mark.parametrize("operation", SOMEBODYS)
def test_a_strangers_thing_is_not_there(operation: str, ask: Ask, world: World, attack: Any) -> None:
    stolen = attack("somebody else's ids")
    for role in sorted(MAY[operation]):
        answer = ask(operation, role, BODIES.get(operation))
        stolen.tried(f"{answer.status_code}")
        assert answer.status_code == 404, (role, answer.text)
        assert not any(secret in answer.text for secret in world.personal), role


@pytest.mark.parametrize(("role", "operation", "body"), NAMED)
def test_nobody_acts_for_a_stranger_whom_they_name(role: str, operation: str, body: Any, ask: Ask, attack: Any) -> None:
    answer = ask(operation, role, body)
    attack("somebody else's ids").tried(f"{answer.status_code}")
    assert answer.status_code in (403, 404), answer.text


@pytest.mark.parametrize("operation", [name for name in OPERATIONS if name.startswith("GET")])
def test_no_stranger_reads_who_the_patient_is(operation: str, ask: Ask, world: World) -> None:
    for role in sorted(EVERYBODY):
        answer = ask(operation, role)
        assert answer.status_code < 500, role
        assert not any(secret in answer.text for secret in world.personal), role


def test_no_doctor_reads_the_files_of_a_patient_who_is_not_theirs(api: httpx.Client, world: World) -> None:
    of_victim: Any = {"params": {"patient_id": world.victim.id}, "headers": world.headers["doctor"]}
    assert api.get("/v1/records", **of_victim).status_code == 404
    assert api.get("/v1/prescriptions", **of_victim).json()["prescriptions"] == []  # a doctor's list is their own


@pytest.mark.parametrize("path", ["/v1/appointments", "/v1/records", "/v1/prescriptions"])
def test_nobody_widens_a_list_by_naming_somebody_else(path: str, api: httpx.Client, world: World) -> None:
    for role in ("patient", "staff"):
        for name, value in (("patient_id", world.victim.id), ("doctor_id", world.ids["doctor_id"])):
            answer = api.get(path, params={name: value}, headers=world.headers[role])
            assert answer.status_code < 500
            assert world.ids["appointment_id"] not in answer.text, (role, name)
            assert world.ids["record_id"] not in answer.text, (role, name)


def test_the_victim_still_has_everything(api: httpx.Client, world: World) -> None:
    """What the strangers tried above changed nothing."""
    appointment = api.get(f"/v1/appointments/{world.ids['appointment_id']}", headers=world.victim.headers())
    assert (appointment.status_code, appointment.json()["state"]) == (200, "requested")
    assert api.get(f"/v1/records/{world.ids['record_id']}", headers=world.victim.headers()).status_code == 200
    agenda = api.get(f"/v1/doctors/{world.ids['doctor_id']}/agenda", headers=world.victim.headers()).json()
    assert [slot["minutes"] for slot in agenda["slots"]] == [30]
