"""One's own account: /v1/me."""

from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from target_app.identity.removal import REASON

Reason = Callable[[httpx.Response], str]


def test_everybody_sees_their_own_fields(
    api: httpx.Client, patient: Any, doctor: Any, register_staff: Any, sign_in: Any, bearer: Any, inside: httpx.Client
) -> None:
    common = {"id", "role", "name", "email", "locale"}
    of_patient = api.get("/v1/me", headers=patient.headers()).json()
    assert set(of_patient) == common | {"cpf"}
    of_doctor = api.get("/v1/me", headers=doctor.headers()).json()
    assert set(of_doctor) - {"clinic", "clinic_id"} == common | {"crm", "crm_state", "specialty", "price_cents"}
    staff = register_staff()
    of_staff = inside.get("/v1/me", headers=bearer(sign_in(at=inside, email=staff["email"]))).json()
    assert set(of_staff) == common | {"clinic_id", "clinic"}
    assert (of_staff["id"], of_staff["role"], of_staff["clinic"]) == (staff["id"], "staff", staff["clinic"])


def test_only_what_is_given_changes(api: httpx.Client, patient: Any, rival: Any) -> None:
    others = api.get("/v1/me", headers=rival.headers()).json()
    before = api.get("/v1/me", headers=patient.headers()).json()
    for changes in ({"locale": "en"}, {"name": "Maria Souza"}, {}, {"name": None}):
        answer = api.patch("/v1/me", json=changes, headers=patient.headers())
        before |= {name: value for name, value in changes.items() if value is not None}
        assert (answer.status_code, answer.json()) == (200, before)
    assert api.get("/v1/me", headers=rival.headers()).json() == others


def test_a_doctors_new_price_is_in_the_agenda_and_not_in_what_is_booked(
    api: httpx.Client, publish: Any, book: Any, patient: Any, doctor: Any, sql: Any
) -> None:
    (slot,) = publish()
    booked = book(patient, slot).json()
    changes = {"price_cents": booked["price_cents"] + 100, "specialty": "sleep medicine"}
    assert api.patch("/v1/me", json=changes, headers=doctor.headers()).json().items() >= changes.items()
    (row,) = sql("SELECT price_cents FROM appointments WHERE id = $1", UUID(booked["id"]))
    assert row["price_cents"] == booked["price_cents"]


def test_the_agenda_tells_the_new_price_on_every_replica(
    stack: Any, publish: Any, patient: Any, doctor: Any, eventually: Any
) -> None:
    publish()

    def prices() -> set[int]:
        path = f"/v1/doctors/{doctor.id}/agenda"
        return {httpx.get(url + path, headers=patient.headers()).json()["price_cents"] for url in stack.replica_urls}

    assert len(prices()) == 1
    httpx.patch(f"{stack.base_url}/v1/me", json={"price_cents": 77_700}, headers=doctor.headers())
    eventually(lambda: prices() == {77_700}, within_s=9)


@pytest.mark.parametrize(
    ("changes", "at"),
    [
        ({"price_cents": 1}, "price_cents"),
        ({"specialty": "cardiology"}, "specialty"),
        ({"locale": "fr"}, "locale"),
        ({"name": ""}, "name"),
        ({"email": "new@mail.example"}, "email"),
        ({"role": "doctor"}, "role"),
        ({"cpf": "52998224725"}, "cpf"),
    ],
)
def test_what_a_patient_cannot_change_is_named_and_nothing_changes(
    api: httpx.Client, patient: Any, reason: Reason, changes: dict[str, Any], at: str
) -> None:
    before = api.get("/v1/me", headers=patient.headers()).json()
    answer = api.patch("/v1/me", json={"locale": "en"} | changes, headers=patient.headers())
    assert (answer.status_code, reason(answer)) == (422, "invalid-request")
    assert [error["at"] for error in answer.json()["errors"]] == [f"body/{at}"]
    assert api.get("/v1/me", headers=patient.headers()).json() == before


def test_only_patients_are_removed(api: httpx.Client, doctor: Any, reason: Reason) -> None:
    answer = api.delete("/v1/me", headers=doctor.headers())
    assert (answer.status_code, reason(answer)) == (403, "forbidden")
    assert api.get("/v1/me", headers=doctor.headers()).status_code == 200


def test_nothing_tells_who_a_removed_patient_was(
    api: httpx.Client,
    publish: Any,
    sign_up: Any,
    sign_in: Any,
    bearer: Any,
    new_patient: Any,
    sql: Any,
    reason: Reason,
    eventually: Any,
) -> None:
    person, illness = new_patient(name=f"Joaquim {uuid4()}"), f"illness {uuid4()}"
    patient_id = UUID(sign_up(person).json()["id"])
    session = sign_in(cpf=person["cpf"])
    headers = bearer(session)
    first, second = publish(2)

    def post(path: str, body: dict[str, Any]) -> httpx.Response:
        return api.post(path, json=body, headers=headers | {"Idempotency-Key": str(uuid4())})

    past = post("/v1/appointments", {"slot_id": first}).json()
    post(f"/v1/appointments/{past['id']}/cancel", {"reason": f"{person['name']} has {illness}"})
    live = post("/v1/appointments", {"slot_id": second}).json()
    sql(
        "INSERT INTO external_identities (issuer, subject, account_id) VALUES ('https://login.example', $1, $2)",
        str(patient_id),
        patient_id,
    )
    sql(
        """
        INSERT INTO records (patient_id, uploaded_by, name, kind, content_type, size_bytes, sha256, idempotency_key)
        VALUES ($1, $1, $2, 'report', 'application/pdf', 1, sha256(''), 'k')
        """,
        patient_id,
        f"{person['name']}'s blood count",
    )
    told = "SELECT FROM notifications WHERE recipient = $1 AND state = 'sent'"
    eventually(lambda: len(sql(told, person["email"])) == 3)

    assert api.delete("/v1/me", headers=headers).status_code == 204

    (row,) = sql("SELECT name, email, cpf FROM patients WHERE id = $1", patient_id)
    nobodys = f"removed-{patient_id}@removed.invalid"
    assert tuple(row) == ("(removed)", nobodys, None)
    (account,) = sql("SELECT email, password_hash FROM accounts WHERE id = $1", patient_id)
    assert tuple(account) == (nobodys, "!")
    tables = [row["tablename"] for row in sql("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")]
    for table in tables:
        for secret in (person["name"], person["email"], person["cpf"], illness):
            found = sql(f'SELECT FROM "{table}" AS this WHERE strpos(this::text, $1) > 0', secret)
            assert found == [], f"{secret} is in {table}"
    assert sql("SELECT FROM refresh_tokens WHERE account_id = $1", patient_id) == []
    assert sql("SELECT FROM external_identities WHERE account_id = $1", patient_id) == []

    kept = sql("SELECT id, state, price_cents FROM appointments WHERE patient_id = $1 ORDER BY id", patient_id)
    assert [tuple(row) for row in kept] == [
        (UUID(past["id"]), "cancelled", past["price_cents"]),
        (UUID(live["id"]), "cancelled", live["price_cents"]),
    ]
    (last,) = sql(
        "SELECT reason FROM appointment_events WHERE appointment_id = $1 ORDER BY at DESC LIMIT 1", kept[1]["id"]
    )
    assert last["reason"] == REASON, "the doctor may know that much"

    for name in ({"cpf": person["cpf"]}, {"email": person["email"]}, {"email": nobodys}):
        answer = sign_in(**name)
        assert (answer.status_code, reason(answer)) == (401, "unauthenticated")
    gone = api.post("/v1/sessions/refresh", json={"refresh_token": session.json()["refresh_token"]})
    assert (gone.status_code, reason(gone)) == (401, "unauthenticated")
    me = api.get("/v1/me", headers=headers)
    assert (me.status_code, reason(me)) == (401, "unauthenticated")
    assert api.patch("/v1/me", json={"name": "Back"}, headers=headers).status_code == 401
    assert api.delete("/v1/me", headers=headers).status_code == 204, "it may be repeated"
    assert sign_up(person).status_code == 201, "and they may come back as somebody new"


def test_a_removed_patients_slot_is_free_again(
    api: httpx.Client, publish: Any, book: Any, patient: Any, rival: Any, eventually: Any
) -> None:
    (slot,) = publish()
    assert book(patient, slot).status_code == 201
    assert api.delete("/v1/me", headers=patient.headers()).status_code == 204
    eventually(lambda: book(rival, slot).status_code == 201)


def test_what_has_begun_already_stays_for_the_accounting(
    api: httpx.Client, patient: Any, doctor: Any, sql: Any
) -> None:
    (row,) = sql(
        """
        WITH slot AS (
            INSERT INTO slots (doctor_id, during)
            VALUES ($1, tstzrange(now() - interval '3 hours', now() - interval '2 hours')) RETURNING *
        )
        INSERT INTO appointments (slot_id, doctor_id, patient_id, during, price_cents, state, idempotency_key)
        SELECT id, doctor_id, $2, during, 12345, 'accepted', 'k' FROM slot RETURNING id
        """,
        UUID(doctor.id),
        UUID(patient.id),
    )
    assert api.delete("/v1/me", headers=patient.headers()).status_code == 204
    (kept,) = sql("SELECT state, price_cents FROM appointments WHERE id = $1", row["id"])
    assert tuple(kept) == ("accepted", 12345)


def test_a_removed_patient_waits_for_nothing(api: httpx.Client, patient: Any, doctor: Any, sql: Any) -> None:
    place = (UUID(doctor.id), UUID(patient.id))
    sql("INSERT INTO waiting_list (doctor_id, patient_id) VALUES ($1, $2)", *place)
    assert api.delete("/v1/me", headers=patient.headers()).status_code == 204
    assert sql("SELECT FROM waiting_list WHERE doctor_id = $1 AND patient_id = $2", *place) == []


def test_a_removed_patients_last_token_books_nothing_and_waits_for_nobody(
    api: httpx.Client, publish: Any, book: Any, patient: Any, doctor: Any, sql: Any, reason: Reason
) -> None:
    (slot,) = publish()
    assert api.delete("/v1/me", headers=patient.headers()).status_code == 204
    for answer in (
        book(patient, slot),
        api.put(f"/v1/doctors/{doctor.id}/waiting-list", headers=patient.headers(str(uuid4()))),
    ):
        assert (answer.status_code, reason(answer)) == (403, "forbidden")
    assert sql("SELECT FROM appointments WHERE patient_id = $1", UUID(patient.id)) == []


def test_what_a_doctor_wrote_about_a_removed_patient_goes_too(
    api: httpx.Client, publish: Any, book: Any, patient: Any, doctor: Any, sql: Any
) -> None:
    booked = book(patient, publish()[0]).json()["id"]
    declined = api.post(
        f"/v1/appointments/{booked}/decline", json={"reason": "Maria never pays"}, headers=doctor.headers(str(uuid4()))
    )
    assert declined.status_code == 200
    assert api.delete("/v1/me", headers=patient.headers()).status_code == 204
    rows = sql("SELECT reason FROM appointment_events WHERE appointment_id = $1 ORDER BY id", UUID(booked))
    assert [row["reason"] for row in rows] == [None, "(removed)"]


def test_no_email_to_a_removed_patient_is_tried_again(
    api: httpx.Client, publish: Any, book: Any, patient: Any, doctor: Any, sql: Any, eventually: Any
) -> None:
    booked = UUID(book(patient, publish()[0]).json()["id"])
    of_booking = "event_id = (SELECT id FROM appointment_events WHERE appointment_id = $1 AND state = 'requested')"
    eventually(lambda: len(sql(f"SELECT FROM notifications WHERE state = 'sent' AND {of_booking}", booked)) == 2)
    put_off = "state = 'sending', sent_at = NULL, error = 'later', retry_at = now() + interval '1 hour'"
    sql(f"UPDATE notifications SET {put_off} WHERE {of_booking}", booked)

    assert api.delete("/v1/me", headers=patient.headers()).status_code == 204

    columns = "recipient, state, retry_at IS NOT NULL AS put_off"
    rows = sql(f"SELECT {columns} FROM notifications WHERE {of_booking}", booked)
    (of_doctor,) = sql("SELECT email FROM doctors WHERE id = $1", UUID(doctor.id))
    assert {tuple(row) for row in rows} == {
        (of_doctor["email"], "sending", True),
        (f"removed-{patient.id}@removed.invalid", "failed", False),
    }


def test_no_idempotency_key_of_theirs_keeps_a_patient_from_going(
    api: httpx.Client, publish: Any, book: Any, patient: Any
) -> None:
    used, live = (book(patient, slot).json()["id"] for slot in publish(2))
    cancelled = api.post(
        f"/v1/appointments/{used}/cancel", json={"reason": "ill"}, headers=patient.headers(f"all:{live}")
    )
    assert cancelled.status_code == 200
    assert api.delete("/v1/me", headers=patient.headers()).status_code == 204
