"""Prescriptions: by the appointment's doctor, for its patient."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import httpx
import pytest

Reason = Callable[[httpx.Response], str]
ITEMS = [{"medicine": "Amoxicilina 500 mg", "dosage": "1 cápsula a cada 8 h", "instructions": "Após as refeições"}]


@pytest.fixture
def prescribe(api: httpx.Client) -> Callable[..., httpx.Response]:
    def prescribe(by: Any, appointment: str, key: str | None = None, **changes: Any) -> httpx.Response:
        return api.post(
            f"/v1/appointments/{appointment}/prescriptions",
            json={"items": ITEMS, "notes": "Retorno em 15 dias"} | changes,
            headers=by.headers(key or str(uuid4())),
        )

    return prescribe


@pytest.fixture
def accepted(seen_by: Any, sql: Any, patient: Any, doctor: Any) -> str:
    appointment: str = seen_by(patient, doctor)
    sql("UPDATE appointments SET state = 'accepted' WHERE id = $1", appointment)
    return appointment


def test_patient_and_doctor_read_what_was_prescribed(
    api: httpx.Client, patient: Any, rival: Any, doctor: Any, other_doctor: Any, accepted: str, prescribe: Any
) -> None:
    made = prescribe(doctor, accepted)
    assert made.status_code == 201, made.text
    prescription = made.json()
    assert prescription["items"] == ITEMS
    assert (prescription["patient_id"], prescription["doctor_id"]) == (patient.id, doctor.id)

    def listed(who: Any, **params: str) -> Any:
        return api.get("/v1/prescriptions", params=params, headers=who.headers()).json()["prescriptions"]

    assert listed(patient) == [prescription]
    assert listed(doctor) == listed(doctor, patient_id=patient.id) == [prescription]
    assert listed(doctor, patient_id=rival.id) == []
    assert listed(other_doctor, patient_id=patient.id) == []
    assert listed(rival) == listed(rival, patient_id=patient.id) == []
    log = api.get("/v1/records/accesses", headers=patient.headers()).json()["accesses"]
    assert [(each["reader_id"], each["action"]) for each in log] == [(doctor.id, "prescriptions")] * 2


def test_a_retry_prescribes_nothing_twice(
    api: httpx.Client, patient: Any, doctor: Any, accepted: str, prescribe: Any, reason: Reason
) -> None:
    key = str(uuid4())
    first, again = prescribe(doctor, accepted, key), prescribe(doctor, accepted, key)
    assert (again.status_code, again.json()) == (201, first.json())
    assert again.headers["idempotency-replayed"] == "true"
    other = prescribe(doctor, accepted, key, notes="Another")
    assert (other.status_code, reason(other)) == (422, "idempotency-key-reused")
    assert len(api.get("/v1/prescriptions", headers=patient.headers()).json()["prescriptions"]) == 1


@pytest.mark.parametrize(("state", "may"), [("requested", False), ("completed", True), ("cancelled", False)])
def test_only_once_the_appointment_is_accepted(
    doctor: Any, accepted: str, prescribe: Any, sql: Any, reason: Reason, state: str, may: bool
) -> None:
    sql("UPDATE appointments SET state = $2 WHERE id = $1", accepted, state)
    answer = prescribe(doctor, accepted)
    if may:
        assert answer.status_code == 201
    else:
        assert (answer.status_code, reason(answer)) == (409, "not-accepted")


def test_nobody_prescribes_in_anothers_appointment(
    patient: Any, other_doctor: Any, accepted: str, prescribe: Any, reason: Reason
) -> None:
    refused = prescribe(other_doctor, accepted)
    assert (refused.status_code, reason(refused)) == (404, "appointment-not-found")
    assert prescribe(patient, accepted).status_code == 403


@pytest.mark.parametrize(
    ("change", "at"),
    [
        ({"items": []}, "body/items"),
        ({"items": [ITEMS[0] | {"medicine": ""}]}, "body/items/0/medicine"),
        ({"items": [ITEMS[0] | {"instructions": "a\u0000b"}]}, "body/items/0/instructions"),
        ({"notes": "x" * 2_001}, "body/notes"),
    ],
)
def test_what_cannot_be_is_refused_with_the_field(
    doctor: Any, accepted: str, prescribe: Any, change: dict[str, Any], at: str
) -> None:
    refused = prescribe(doctor, accepted, **change)
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["at"] == at
