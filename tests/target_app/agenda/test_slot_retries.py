"""Changes of slots that are sent again, and how many slots there can be."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx

from target_app.agenda.schemas import AGENDA_SLOTS_MAX

LATER = (datetime.now(UTC) + timedelta(days=20)).replace(microsecond=0)


def test_a_retry_of_a_change_is_answered_as_the_first_time_and_changes_nothing(
    api: httpx.Client, doctor: Any, publish: Any, kept: Any
) -> None:
    slot, other = publish(count=2)
    there, back = ({"starts_at": (LATER + timedelta(hours=hours)).isoformat()} for hours in (0, 5))
    edit, remove = doctor.headers(str(uuid4())), doctor.headers(str(uuid4()))
    first = api.patch(f"/v1/slots/{slot}", json=there, headers=edit)
    api.patch(f"/v1/slots/{slot}", json=back, headers=doctor.headers(str(uuid4())))
    before = kept()
    again = api.patch(f"/v1/slots/{slot}", json=there, headers=edit)
    assert (again.status_code, again.json()) == (200, first.json())
    assert [answer.headers.get("idempotency-replayed") for answer in (first, again)] == [None, "true"]
    assert kept() == before

    removals = [api.delete(f"/v1/slots/{slot}", headers=remove) for _ in range(3)]
    assert [answer.status_code for answer in removals] == [204] * 3
    assert [answer.headers.get("idempotency-replayed") for answer in removals] == [None, "true", "true"]
    assert api.patch(f"/v1/slots/{slot}", json=there, headers=edit).json() == first.json()
    assert [each["id"] for each in kept()] == [other]


def test_a_key_belongs_to_one_change_of_a_slot(
    api: httpx.Client, doctor: Any, publish: Any, kept: Any, reason: Any
) -> None:
    slot, other = publish(count=2)
    headers = doctor.headers(str(uuid4()))
    assert api.patch(f"/v1/slots/{slot}", json={"minutes": 20}, headers=headers).status_code == 200
    before = kept()
    for answer in (
        api.patch(f"/v1/slots/{slot}", json={"minutes": 25}, headers=headers),
        api.patch(f"/v1/slots/{other}", json={"minutes": 20}, headers=headers),
        api.delete(f"/v1/slots/{slot}", headers=headers),
    ):
        assert (answer.status_code, reason(answer)) == (422, "idempotency-key-reused")
    assert kept() == before


def test_every_change_of_a_slot_needs_a_key(api: httpx.Client, doctor: Any, publish: Any, reason: Any) -> None:
    [slot] = publish()
    for method, body in (("PATCH", {"minutes": 20}), ("DELETE", None)):
        answer = api.request(method, f"/v1/slots/{slot}", json=body, headers=doctor.headers())
        assert (answer.status_code, reason(answer)) == (400, "idempotency-key-missing")


def test_the_same_removal_sent_at_once_is_done_once_and_all_are_told_so(
    api: httpx.Client, doctor: Any, publish: Any
) -> None:
    [slot] = publish()
    headers = doctor.headers(str(uuid4()))
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: api.delete(f"/v1/slots/{slot}", headers=headers), range(8)))
    assert {answer.status_code for answer in answers} == {204}
    assert sum("idempotency-replayed" not in answer.headers for answer in answers) == 1


FILL = """
INSERT INTO slots (doctor_id, during)
SELECT $1, tstzrange(start, start + interval '5 min')
FROM generate_series(1, $2) AS number,
     LATERAL (SELECT now() + make_interval(days => 30, mins => 5 * number)) AS moment (start)
"""


def test_an_agenda_has_an_end(api: httpx.Client, doctor: Any, publish: Any, sql: Any, reason: Any) -> None:
    """Also for publications at once; what is past does not count."""
    sql(FILL, UUID(doctor.id), AGENDA_SLOTS_MAX - 20)
    sql("INSERT INTO slots (doctor_id, during) SELECT $1, '[2020-01-01, 2020-01-02)'", UUID(doctor.id))

    def add(number: int) -> httpx.Response:
        first = datetime.now(UTC) + timedelta(days=2 + number)
        slots = [{"starts_at": (first + timedelta(minutes=5 * at)).isoformat(), "minutes": 5} for at in range(5)]
        return api.post("/v1/slots", json={"slots": slots}, headers=doctor.headers(str(uuid4())))

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(add, range(8)))
    assert sorted(answer.status_code for answer in answers) == [201] * 4 + [409] * 4
    refused = next(answer for answer in answers if answer.status_code == 409)
    assert reason(refused) == "agenda-full"
    assert str(AGENDA_SLOTS_MAX) in refused.json()["title"]
    taken = next(slot for answer in answers if answer.status_code == 201 for slot in answer.json()["slots"])
    api.delete(f"/v1/slots/{taken['id']}", headers=doctor.headers(str(uuid4())))
    publish(in_hours=24 * 20)
