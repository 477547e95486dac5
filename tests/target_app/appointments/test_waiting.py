from collections.abc import Callable
from typing import Any
from uuid import uuid4

import httpx

Reason = Callable[[httpx.Response], str]
Act = Callable[..., httpx.Response]


def test_who_waits_is_told_their_place(
    api: httpx.Client, wait_for: Act, patient: Any, rival: Any, doctor: Any, accounts: Any
) -> None:
    other_doctor = next(accounts.doctors)
    assert wait_for(rival, doctor).json() == {"position": 1}
    answer = wait_for(patient, doctor)
    assert (answer.status_code, answer.json()) == (200, {"position": 2})
    assert wait_for(rival, doctor).json() == {"position": 1}, "asking again loses no place"
    wait_for(patient, other_doctor)
    places = api.get("/v1/waiting-list", headers=patient.headers()).json()["places"]
    assert [(place["doctor_id"], place["position"]) for place in places] == [(doctor.id, 2), (other_doctor.id, 1)]
    assert all(place["doctor_name"] for place in places)

    gone = api.delete(f"/v1/doctors/{doctor.id}/waiting-list", headers=rival.headers("gone"))
    assert (gone.status_code, gone.content) == (204, b"")
    places = api.get("/v1/waiting-list", headers=patient.headers()).json()["places"]
    assert [place["position"] for place in places] == [1, 1]


def test_joining_and_leaving_happen_once_per_key(
    api: httpx.Client, wait_for: Act, reason: Reason, patient: Any, rival: Any, doctor: Any, accounts: Any
) -> None:
    path = f"/v1/doctors/{doctor.id}/waiting-list"
    wait_for(rival, doctor)
    assert "idempotency-replayed" not in wait_for(patient, doctor, "join").headers
    for replayed in (None, "true"):
        left = api.delete(path, headers=patient.headers("leave"))
        assert (left.status_code, left.headers.get("idempotency-replayed")) == (204, replayed)
    again = wait_for(patient, doctor, "join")
    assert (again.json(), again.headers["idempotency-replayed"]) == ({"position": 2}, "true")
    assert api.get("/v1/waiting-list", headers=patient.headers()).json() == {"places": []}

    wait_for(patient, doctor, "join again")
    api.delete(path, headers=patient.headers("leave"))
    assert len(api.get("/v1/waiting-list", headers=patient.headers()).json()["places"]) == 1
    reused = [
        api.delete(path, headers=patient.headers("join")),
        wait_for(patient, doctor, "leave"),
        wait_for(patient, next(accounts.doctors), "join"),
    ]
    for answer in reused:
        assert (answer.status_code, reason(answer)) == (422, "idempotency-key-reused")


def test_leaving_without_waiting_is_no_error(api: httpx.Client, patient: Any, doctor: Any) -> None:
    answer = api.delete(f"/v1/doctors/{doctor.id}/waiting-list", headers=patient.headers("k"))
    assert answer.status_code == 204


def test_only_patients_wait_and_only_for_doctors(
    api: httpx.Client, reason: Reason, patient: Any, doctor: Any, staff_of: Any, unregistered: Any
) -> None:
    unknown = f"/v1/doctors/{uuid4()}/waiting-list"
    for method in ("PUT", "DELETE"):
        answer = api.request(method, unknown, headers=patient.headers("k"))
        assert (answer.status_code, reason(answer)) == (404, "doctor-not-found")
        answer = api.request(method, f"/v1/doctors/{doctor.id}/waiting-list", headers=patient.headers())
        assert (answer.status_code, reason(answer)) == (400, "idempotency-key-missing")
        for who in (doctor, staff_of(doctor)):
            answer = api.request(method, f"/v1/doctors/{doctor.id}/waiting-list", headers=who.headers("k"))
            assert (answer.status_code, reason(answer)) == (403, "forbidden")
        answer = api.request(method, f"/v1/doctors/{doctor.id}/waiting-list", headers=unregistered.headers("k"))
        assert (answer.status_code, reason(answer)) == (403, "forbidden")
    assert api.get("/v1/waiting-list", headers=doctor.headers()).status_code == 403
