"""Who may see a patient's files, and that the patient sees who did."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

Reason = Callable[[httpx.Response], str]


def ahead(**time: float) -> str:
    return (datetime.now(UTC) + timedelta(**time)).isoformat()


@pytest.fixture
def may_see(api: httpx.Client, patient: Any) -> Callable[[Any, str], bool]:
    """Whether somebody may list the patient's files, read the record and fetch it: all of it, or nothing."""

    def may_see(who: Any, record: str) -> bool:
        answers = {
            api.get("/v1/records", params={"patient_id": patient.id}, headers=who.headers()).status_code,
            api.get(f"/v1/records/{record}", headers=who.headers()).status_code,
            api.get(f"/v1/records/{record}/download", headers=who.headers()).status_code,
        }
        assert answers in ({200}, {404}), answers
        return answers == {200}

    return may_see


@pytest.fixture
def share(api: httpx.Client, patient: Any) -> Callable[..., httpx.Response]:
    def share(doctor: Any, expires_at: str) -> httpx.Response:
        return api.put(
            f"/v1/records/shares/{doctor.id}", json={"expires_at": expires_at}, headers=patient.headers(str(uuid4()))
        )

    return share


def test_strangers_see_nothing_as_if_it_did_not_exist(
    patient: Any, rival: Any, doctor: Any, pdf: bytes, upload: Any, may_see: Any
) -> None:
    record = upload(patient, pdf)["id"]
    assert may_see(patient, record)
    assert not may_see(rival, record)
    assert not may_see(doctor, record)
    assert not may_see(doctor, str(uuid4()))


def test_nobody_can_finish_or_delete_anothers_upload(
    api: httpx.Client, patient: Any, rival: Any, doctor: Any, pdf: bytes, announce: Any, finish: Any, reason: Reason
) -> None:
    record = announce(patient, pdf).json()["id"]
    for stranger in (rival, doctor):
        refused = finish(stranger, record)
        assert (refused.status_code, reason(refused)) == (404, "record-not-found")
    assert api.delete(f"/v1/records/{record}", headers=rival.headers()).status_code == 404
    assert api.delete(f"/v1/records/{record}", headers=doctor.headers()).status_code == 403


@pytest.mark.parametrize(
    ("state", "sees"),
    [
        ("requested", True),
        ("accepted", True),
        ("completed", True),
        ("no_show", True),
        ("declined", False),
        ("cancelled", False),
        ("expired", False),
    ],
)
def test_a_doctor_sees_the_files_of_whom_they_see_or_saw(
    patient: Any, doctor: Any, pdf: bytes, upload: Any, seen_by: Any, sql: Any, may_see: Any, state: str, sees: bool
) -> None:
    record = upload(patient, pdf)["id"]
    appointment = seen_by(patient, doctor)
    sql("UPDATE appointments SET state = $2 WHERE id = $1", appointment, state)
    assert may_see(doctor, record) is sees


def test_a_request_that_nobody_answered_opens_nothing_once_it_is_past(
    patient: Any, doctor: Any, seen_by: Any, sql: Any
) -> None:
    """Whether or not a worker has ended it already."""
    appointment = seen_by(patient, doctor)
    past = "tstzrange(now() - interval '1 hour', now() - interval '1 s')"
    rule = "SELECT may_read_records($1, $2) AS may"
    assert sql(rule, doctor.id, patient.id)[0]["may"]
    sql(
        f"""
        WITH one AS (UPDATE appointments SET during = {past} WHERE id = $1 RETURNING slot_id, during)
        UPDATE slots SET during = one.during FROM one WHERE slots.id = one.slot_id
        """,
        appointment,
    )
    assert not sql(rule, doctor.id, patient.id)[0]["may"]


def test_an_appointment_opens_nobody_elses_files(
    api: httpx.Client, patient: Any, rival: Any, doctor: Any, other_doctor: Any, pdf: bytes, upload: Any, seen_by: Any
) -> None:
    record = upload(patient, pdf)["id"]
    seen_by(rival, doctor)
    seen_by(patient, other_doctor)
    assert api.get(f"/v1/records/{record}", headers=doctor.headers()).status_code == 404


def test_a_share_opens_them_until_it_ends_or_is_taken_back(
    api: httpx.Client, patient: Any, doctor: Any, pdf: bytes, upload: Any, share: Any, may_see: Any, sql: Any
) -> None:
    record = upload(patient, pdf)["id"]
    shared = share(doctor, ahead(hours=1))
    assert shared.status_code == 200
    assert shared.json()["doctor_id"] == doctor.id
    assert may_see(doctor, record)
    listed = api.get("/v1/records/shares", headers=patient.headers()).json()["shares"]
    assert listed == [shared.json()]

    sql("UPDATE record_shares SET expires_at = now() WHERE patient_id = $1", patient.id)
    assert not may_see(doctor, record)
    assert api.get("/v1/records/shares", headers=patient.headers()).json() == {"shares": []}

    share(doctor, ahead(days=30))
    assert may_see(doctor, record)
    for _ in range(2):
        assert api.delete(f"/v1/records/shares/{doctor.id}", headers=patient.headers()).status_code == 204
    assert not may_see(doctor, record)


@pytest.mark.parametrize(
    "expires_at",
    [ahead(seconds=-1), ahead(days=400), "2027-03-01T12:00:00", "soon"],
    ids=["past", "too far", "no zone", "no time"],
)
def test_a_share_ends_within_a_year(doctor: Any, share: Any, expires_at: str, reason: Reason) -> None:
    refused = share(doctor, expires_at)
    assert (refused.status_code, reason(refused)) == (422, "invalid-request")
    assert refused.json()["errors"][0]["at"] == "body/expires_at"


def test_files_are_shared_with_doctors_alone(rival: Any, share: Any, reason: Reason) -> None:
    refused = share(rival, ahead(hours=1))
    assert (refused.status_code, reason(refused)) == (404, "doctor-not-found")


def test_a_doctor_adds_a_report_to_a_patient_they_see(
    api: httpx.Client,
    patient: Any,
    doctor: Any,
    other_doctor: Any,
    pdf: bytes,
    upload: Any,
    announce: Any,
    seen_by: Any,
    reason: Reason,
) -> None:
    seen_by(patient, doctor)
    record = upload(doctor, pdf, patient_id=patient.id)
    assert (record["patient_id"], record["uploaded_by"]) == (patient.id, doctor.id)
    assert api.get(f"/v1/records/{record['id']}", headers=patient.headers()).status_code == 200

    stranger = announce(other_doctor, pdf, patient_id=patient.id)
    assert (stranger.status_code, reason(stranger)) == (404, "patient-not-found")
    unsaid = announce(doctor, pdf)
    assert (unsaid.status_code, unsaid.json()["errors"][0]["at"]) == (422, "body/patient_id")
    unsaid = api.get("/v1/records", headers=doctor.headers())
    assert (unsaid.status_code, unsaid.json()["errors"][0]["at"]) == (422, "query/patient_id")


def test_a_patient_adds_files_to_their_own_alone(patient: Any, rival: Any, pdf: bytes, announce: Any) -> None:
    assert announce(patient, pdf, patient_id=rival.id).status_code == 404
    assert announce(patient, pdf, patient_id=patient.id).status_code == 201


def test_the_patient_sees_every_look_and_their_own_downloads(
    api: httpx.Client,
    patient: Any,
    doctor: Any,
    other_doctor: Any,
    pdf: bytes,
    upload: Any,
    seen_by: Any,
    may_see: Any,
) -> None:
    record = upload(patient, pdf, name="Blood count")["id"]
    seen_by(patient, doctor)
    assert may_see(doctor, record)
    assert not may_see(other_doctor, record)
    assert may_see(patient, record)

    log = api.get("/v1/records/accesses", headers=patient.headers()).json()["accesses"]

    assert [(each["reader_id"], each["action"], each["record_id"]) for each in log] == [
        (patient.id, "downloaded", record),
        (doctor.id, "downloaded", record),
        (doctor.id, "read", record),
        (doctor.id, "listed", None),
    ]
    assert [each["record_name"] for each in log] == ["Blood count"] * 3 + [None]
    assert all(each["reader_name"] for each in log)
    page = api.get("/v1/records/accesses", params={"limit": 3}, headers=patient.headers()).json()
    rest = api.get("/v1/records/accesses", params={"before": page["next"]}, headers=patient.headers()).json()
    assert page["accesses"] + rest["accesses"] == log


def test_the_patient_sees_one_look_an_hour_however_often_a_page_asks(
    api: httpx.Client, patient: Any, doctor: Any, other_doctor: Any, seen_by: Any, sql: Any
) -> None:
    def look(by: Any) -> None:
        answer = api.get("/v1/records", params={"patient_id": patient.id}, headers=by.headers())
        assert answer.status_code == 200

    def log() -> list[str]:
        accesses = api.get("/v1/records/accesses", headers=patient.headers()).json()["accesses"]
        return [each["reader_id"] for each in accesses if each["action"] == "listed"]

    seen_by(patient, doctor)
    seen_by(patient, other_doctor, in_hours=30)
    for by in (doctor, doctor, other_doctor, doctor):
        look(by)
    assert log() == [other_doctor.id, doctor.id]

    sql("UPDATE record_accesses SET id = uuidv7(interval '-61 minutes') WHERE reader_id = $1", UUID(doctor.id))
    look(doctor)
    assert log() == [doctor.id, other_doctor.id, doctor.id]


def test_a_file_that_came_since_the_last_look_is_not_seen_unnoticed(
    api: httpx.Client, patient: Any, doctor: Any, pdf: bytes, announce: Any, seen_by: Any
) -> None:
    def look(**page: str) -> None:
        of_patient = {"patient_id": patient.id} | page
        api.get("/v1/records", params=of_patient, headers=doctor.headers()).raise_for_status()

    def looks() -> int:
        accesses = api.get("/v1/records/accesses", headers=patient.headers()).json()["accesses"]
        return [each["action"] for each in accesses].count("listed")

    seen_by(patient, doctor)
    announce(patient, pdf)
    look()
    newer = announce(patient, pdf).json()["id"]
    look(before=newer)
    assert looks() == 1, "this page has nothing new"
    for _ in range(2):
        look()
    assert looks() == 2


def test_a_doctor_who_waits_for_their_own_upload_does_not_look(
    api: httpx.Client, patient: Any, doctor: Any, pdf: bytes, announce: Any, upload: Any, seen_by: Any
) -> None:
    def log() -> list[str]:
        accesses = api.get("/v1/records/accesses", headers=patient.headers()).json()["accesses"]
        return [each["action"] for each in accesses]

    seen_by(patient, doctor)
    record = announce(doctor, pdf, patient_id=patient.id).json()["id"]
    api.get(f"/v1/records/{record}", headers=doctor.headers()).raise_for_status()
    assert log() == []
    api.get(f"/v1/records/{record}", headers=patient.headers()).raise_for_status()
    stored = upload(doctor, pdf, patient_id=patient.id)["id"]
    api.get(f"/v1/records/{stored}", headers=doctor.headers()).raise_for_status()
    assert "read" in log()


def test_what_could_not_be_fetched_was_not_fetched(api: httpx.Client, patient: Any, pdf: bytes, announce: Any) -> None:
    record = announce(patient, pdf).json()["id"]
    assert api.get(f"/v1/records/{record}/download", headers=patient.headers()).status_code == 409
    assert api.get("/v1/records/accesses", headers=patient.headers()).json() == {"accesses": [], "next": None}


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/records"),
        ("GET", f"/v1/records/{UUID(int=1)}"),
        ("GET", f"/v1/records/{UUID(int=1)}/download"),
        ("POST", f"/v1/records/{UUID(int=1)}/uploaded"),
        ("DELETE", f"/v1/records/{UUID(int=1)}"),
        ("GET", "/v1/records/shares"),
        ("GET", "/v1/records/accesses"),
        ("GET", "/v1/prescriptions"),
    ],
)
def test_staff_and_nobody_see_nothing_medical(
    api: httpx.Client, staff_headers: dict[str, str], method: str, path: str
) -> None:
    assert api.request(method, path).status_code == 401
    assert api.request(method, path, headers=staff_headers).status_code == 403
