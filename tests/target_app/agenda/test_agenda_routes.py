from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx

TOMORROW = datetime.now(UTC).replace(microsecond=0) + timedelta(days=1)


def slots(*starts: datetime, minutes: int = 30) -> dict[str, Any]:
    return {"slots": [{"starts_at": start.isoformat(), "minutes": minutes} for start in starts]}


def test_a_doctor_publishes_slots_and_patients_see_them_with_the_price(
    api: httpx.Client, doctor: Any, patient: Any, eventually: Callable[..., Any]
) -> None:
    agenda = f"/v1/doctors/{doctor.id}/agenda"
    assert api.get(agenda, headers=patient.headers()).json()["total"] == 0

    wanted = slots(TOMORROW + timedelta(hours=1), TOMORROW)
    published = api.post("/v1/slots", json=wanted, headers=doctor.headers(str(uuid4())))

    assert published.status_code == 201
    assert published.json()["created"] == 2
    in_order = [slot["starts_at"] for slot in published.json()["slots"]]
    assert in_order == sorted(in_order)
    seen = eventually(lambda: (body := api.get(agenda, headers=patient.headers()).json())["total"] and body)
    assert (seen["total"], seen["free"], seen["slots"]) == (2, 2, published.json()["slots"])
    assert seen["price_cents"] > 0


def test_publishing_again_with_the_same_key_gives_the_same_slots(api: httpx.Client, doctor: Any) -> None:
    key = str(uuid4())
    first = api.post("/v1/slots", json=slots(TOMORROW), headers=doctor.headers(key))
    again = api.post("/v1/slots", json=slots(TOMORROW), headers=doctor.headers(key))
    assert again.status_code == 201
    assert again.json() == first.json()
    assert again.headers["idempotency-replayed"] == "true"
    assert "idempotency-replayed" not in first.headers


def test_a_key_cannot_publish_something_else(
    api: httpx.Client, doctor: Any, reason: Callable[[httpx.Response], str]
) -> None:
    key = str(uuid4())
    api.post("/v1/slots", json=slots(TOMORROW), headers=doctor.headers(key))
    other = slots(TOMORROW, TOMORROW + timedelta(hours=1))
    answer = api.post("/v1/slots", json=other, headers=doctor.headers(key))
    assert (answer.status_code, reason(answer)) == (422, "idempotency-key-reused")


def test_overlapping_slots_are_refused_and_none_is_made(
    api: httpx.Client, doctor: Any, reason: Callable[[httpx.Response], str]
) -> None:
    overlapping = slots(TOMORROW, TOMORROW + timedelta(minutes=29))
    answer = api.post("/v1/slots", json=overlapping, headers=doctor.headers(str(uuid4())))
    assert (answer.status_code, reason(answer)) == (409, "slot-overlap")
    agenda = api.get(f"/v1/doctors/{doctor.id}/agenda", headers=doctor.headers()).json()
    assert agenda["total"] == 0


def test_two_doctors_may_work_at_the_same_time(publish: Callable[..., list[str]], accounts: Any) -> None:
    publish()
    publish(by=next(accounts.doctors))


def test_a_slot_begins_in_the_future(api: httpx.Client, doctor: Any, reason: Callable[[httpx.Response], str]) -> None:
    answer = api.post("/v1/slots", json=slots(TOMORROW - timedelta(days=2)), headers=doctor.headers(str(uuid4())))
    assert (answer.status_code, reason(answer)) == (422, "slot-in-the-past")


def test_a_slot_needs_a_time_zone_and_a_sensible_length(
    api: httpx.Client, doctor: Any, reason: Callable[[httpx.Response], str]
) -> None:
    naive = {"slots": [{"starts_at": "2030-01-01T12:00:00", "minutes": 30}]}
    nothing: list[dict[str, Any]] = [{"slots": []}, {}]
    for body in (naive, slots(TOMORROW, minutes=0), slots(TOMORROW, minutes=241), *nothing):
        answer = api.post("/v1/slots", json=body, headers=doctor.headers(str(uuid4())))
        assert (answer.status_code, reason(answer)) == (422, "invalid-request")
        assert answer.json()["errors"][0]["at"].startswith("body/slots")


def test_only_doctors_publish(api: httpx.Client, patient: Any, reason: Callable[[httpx.Response], str]) -> None:
    answer = api.post("/v1/slots", json=slots(TOMORROW), headers=patient.headers(str(uuid4())))
    assert (answer.status_code, reason(answer)) == (403, "forbidden")


def test_the_agenda_of_nobody_is_not_found(
    api: httpx.Client, patient: Any, reason: Callable[[httpx.Response], str]
) -> None:
    unknown = api.get(f"/v1/doctors/{uuid4()}/agenda", headers=patient.headers())
    assert (unknown.status_code, reason(unknown)) == (404, "doctor-not-found")
    no_id = api.get("/v1/doctors/nobody/agenda", headers=patient.headers())
    assert (no_id.status_code, reason(no_id)) == (404, "not-found")


def test_who_has_the_agenda_already_is_not_sent_it_again(
    api: httpx.Client, doctor: Any, patient: Any, publish: Callable[..., list[str]], eventually: Callable[..., Any]
) -> None:
    publish(count=2)
    url = f"/v1/doctors/{doctor.id}/agenda"
    first = eventually(lambda: (answer := api.get(url, headers=patient.headers())).json()["total"] and answer)
    tag = first.headers["etag"]
    assert first.headers["cache-control"] == "private, no-cache"
    for known in (tag, f"W/{tag}", f'"old", {tag}', "*"):
        answer = api.get(url, headers=patient.headers() | {"If-None-Match": known})
        assert (answer.status_code, answer.content) == (304, b"")
        assert (answer.headers["etag"], answer.headers["cache-control"]) == (tag, "private, no-cache")
        assert not {"content-type", "content-length"} & set(answer.headers)
    other = api.get(url, headers=patient.headers() | {"If-None-Match": '"old"'})
    assert (other.status_code, other.json(), other.headers["etag"]) == (200, first.json(), tag)


def test_a_changed_agenda_has_another_tag(
    api: httpx.Client, doctor: Any, patient: Any, publish: Any, book: Any, eventually: Any
) -> None:
    [slot] = publish()
    url = f"/v1/doctors/{doctor.id}/agenda"
    tag = eventually(
        lambda: (answer := api.get(url, headers=patient.headers())).json()["free"] and answer.headers["etag"]
    )
    book(patient, slot)
    ask = patient.headers() | {"If-None-Match": tag}
    changed = eventually(lambda: (answer := api.get(url, headers=ask)).status_code == 200 and answer)
    assert changed.json()["free"] == 0
    assert changed.headers["etag"] != tag


def test_replicas_agree_on_the_tag(stack: Any, doctor: Any, patient: Any, publish: Any, eventually: Any) -> None:
    publish(count=3)
    url = f"/v1/doctors/{doctor.id}/agenda"

    def tags() -> set[str]:
        answers = [httpx.get(f"{replica}{url}", headers=patient.headers()) for replica in stack.replica_urls]
        return {answer.headers["etag"] for answer in answers if answer.json()["total"] == 3} or set()

    assert len(stack.replica_urls) > 1
    assert eventually(lambda: len(tags()) == 1)


def test_without_a_session_nobody_learns_whether_an_agenda_changed(
    api: httpx.Client, doctor: Any, reason: Callable[[httpx.Response], str]
) -> None:
    answer = api.get(f"/v1/doctors/{doctor.id}/agenda", headers={"If-None-Match": "*"})
    assert (answer.status_code, reason(answer)) == (401, "unauthenticated")
