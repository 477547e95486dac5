"""A file's way: announced, put into the store, checked, fetched, deleted."""

import hashlib
from collections.abc import Callable
from io import BytesIO
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
import obstore
import pytest
from PIL import Image

Reason = Callable[[httpx.Response], str]


def keys_of(sql: Any, record: str) -> tuple[str, str, str]:
    row = sql("SELECT upload_key, object_key, preview_key FROM records WHERE id = $1", record)[0]
    return row["upload_key"], row["object_key"], row["preview_key"]


def in_store(bucket: Any, key: str) -> bool:
    try:
        obstore.head(bucket, key)
    except (FileNotFoundError, obstore.exceptions.NotFoundError):
        return False
    return True


def test_a_patient_uploads_a_report_and_fetches_it(patient: Any, pdf: bytes, upload: Any, fetch: Any) -> None:
    record = upload(patient, pdf, name="  Exame de   março ")

    assert record["state"] == "stored"
    assert record["name"] == "Exame de março"
    assert record["patient_id"] == record["uploaded_by"] == patient.id
    assert record["sha256"] == hashlib.sha256(pdf).hexdigest()
    assert record["rejected_because"] is None
    where = fetch(patient, record["id"])
    assert where["preview_url"] is None
    fetched = httpx.get(where["url"])
    assert fetched.content == pdf
    assert fetched.headers["content-type"] == "application/pdf"
    assert fetched.headers["content-disposition"].startswith("attachment; ")
    assert "filename*=UTF-8''Exame%20de%20mar%C3%A7o.pdf" in fetched.headers["content-disposition"]
    assert fetched.headers["cache-control"] == "private, no-store"


def test_names_and_people_are_no_part_of_a_url(patient: Any, pdf: bytes, announce: Any) -> None:
    announced = announce(patient, pdf, name="HIV test").json()
    path = urlsplit(announced["upload_url"]).path
    assert "HIV" not in path
    assert patient.id not in path
    assert announced["id"] not in path


def test_an_image_gets_a_small_marked_copy_and_stays_as_it_was(
    patient: Any, picture: Any, upload: Any, fetch: Any
) -> None:
    exif = Image.Exif()
    exif[0x010F] = "Camera of Ana"
    original = picture("JPEG", (2000, 1000), exif=exif, quality=60)
    record = upload(patient, original, kind="xray", content_type="image/jpeg")

    assert record["state"] == "stored"
    assert record["has_preview"] is True
    where = fetch(patient, record["id"])
    assert httpx.get(where["url"]).content == original
    answer = httpx.get(where["preview_url"])
    assert answer.headers["content-type"] == "image/webp"
    copy = Image.open(BytesIO(answer.content))
    assert copy.size == (1600, 800)
    assert not copy.getexif()
    assert b"Camera" not in answer.content


def test_the_upload_is_gone_once_it_is_checked(
    patient: Any, pdf: bytes, upload: Any, sql: Any, bucket: Any, eventually: Any
) -> None:
    uploaded, kept, _ = keys_of(sql, upload(patient, pdf)["id"])
    eventually(lambda: not in_store(bucket, uploaded))
    assert in_store(bucket, kept)


def test_nobody_can_exchange_a_file_that_is_checked(
    patient: Any, pdf: bytes, announce: Any, put: Any, finish: Any, checked: Any, fetch: Any
) -> None:
    announced = announce(patient, pdf)
    put(announced, pdf)
    record = announced.json()["id"]
    finish(patient, record)
    checked(patient, record)
    put(announced, pdf)  # the URL is still valid
    assert httpx.get(fetch(patient, record)["url"]).content == pdf


@pytest.mark.parametrize("other", [b"%PDF-1.7 longer than it was", b"short"])
def test_the_store_takes_no_other_size(patient: Any, announce: Any, put: Any, other: bytes) -> None:
    assert put(announce(patient, b"%PDF-1.7 announced"), other).status_code == 403


def test_the_store_takes_no_other_content_or_type(patient: Any, pdf: bytes, announce: Any, put: Any) -> None:
    announced = announce(patient, pdf)
    assert put(announced, b"%PDF-" + bytes(len(pdf) - 5)).status_code == 400
    where = announced.json()
    html = where["upload_headers"] | {"Content-Type": "text/html"}
    assert httpx.put(where["upload_url"], content=pdf, headers=html).status_code == 403


def test_a_store_that_checks_nothing_is_not_relied_upon(
    patient: Any, pdf: bytes, announce: Any, finish: Any, checked: Any, sql: Any, bucket: Any, reason: Reason
) -> None:
    record = announce(patient, pdf).json()["id"]
    uploaded, kept, _ = keys_of(sql, record)
    obstore.put(bucket, uploaded, pdf + b"x")
    refused = finish(patient, record)
    assert (refused.status_code, reason(refused)) == (409, "wrong-size")

    obstore.put(bucket, uploaded, b"%PDF-" + bytes(len(pdf) - 5))
    assert finish(patient, record).status_code == 202
    found = checked(patient, record)
    assert (found["state"], found["rejected_because"]) == ("rejected", "wrong-checksum")
    assert not in_store(bucket, kept)


def test_a_picture_that_says_it_is_a_document_is_rejected_and_removed(
    patient: Any, picture: Any, upload: Any, sql: Any, bucket: Any, eventually: Any
) -> None:
    record = upload(patient, picture("PNG"), content_type="application/pdf")
    assert (record["state"], record["rejected_because"]) == ("rejected", "wrong-type")
    for key in keys_of(sql, record["id"]):
        eventually(lambda key=key: not in_store(bucket, key))


def test_a_decompression_bomb_is_rejected(patient: Any, upload: Any) -> None:
    bomb = BytesIO()
    Image.new("1", (20_000, 20_000)).save(bomb, "PNG")
    record = upload(patient, bomb.getvalue(), kind="photo", content_type="image/png")
    assert (record["state"], record["rejected_because"]) == ("rejected", "too-many-pixels")


def test_a_broken_image_is_rejected(patient: Any, picture: Any, upload: Any) -> None:
    record = upload(patient, picture("PNG", (200, 200))[:5_000], content_type="image/png")
    assert (record["state"], record["rejected_because"]) == ("rejected", "unreadable")


def test_only_what_is_stored_can_be_fetched(
    api: httpx.Client, patient: Any, pdf: bytes, picture: Any, announce: Any, upload: Any, reason: Reason
) -> None:
    awaited = announce(patient, pdf).json()["id"]
    rejected = upload(patient, picture("PNG"))["id"]
    for record in (awaited, rejected):
        refused = api.get(f"/v1/records/{record}/download", headers=patient.headers())
        assert (refused.status_code, reason(refused)) == (409, "not-stored")


@pytest.mark.parametrize(
    ("change", "at"),
    [
        ({"size_bytes": 20_000_001}, "body/size_bytes"),
        ({"size_bytes": 0}, "body/size_bytes"),
        ({"content_type": "text/html"}, "body/content_type"),
        ({"sha256": "abc"}, "body/sha256"),
        ({"kind": "selfie"}, "body/kind"),
        ({"name": ""}, "body/name"),
        ({"name": "a\u0000b"}, "body/name"),
    ],
)
def test_what_cannot_be_is_refused_with_the_field_and_nothing_is_kept(
    api: httpx.Client, patient: Any, pdf: bytes, announce: Any, change: dict[str, Any], at: str, reason: Reason
) -> None:
    refused = announce(patient, pdf, **change)
    assert (refused.status_code, reason(refused)) == (422, "invalid-request")
    assert at in {error["at"] for error in refused.json()["errors"]}
    assert api.get("/v1/records", headers=patient.headers()).json()["records"] == []


def test_every_retry_gives_the_first_answer_and_announces_one_file(
    api: httpx.Client, patient: Any, pdf: bytes, announce: Any, reason: Reason
) -> None:
    key = str(uuid4())
    first, again = announce(patient, pdf, key), announce(patient, pdf, key)
    assert first.json() == again.json()
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    other = announce(patient, pdf, key, name="Another")
    assert (other.status_code, reason(other)) == (422, "idempotency-key-reused")
    assert len(api.get("/v1/records", headers=patient.headers()).json()["records"]) == 1


def test_an_upload_is_finished_once(
    patient: Any, pdf: bytes, announce: Any, put: Any, finish: Any, reason: Reason
) -> None:
    announced, key = announce(patient, pdf), str(uuid4())
    record = announced.json()["id"]
    early = finish(patient, record)
    assert (early.status_code, reason(early)) == (409, "not-uploaded")
    put(announced, pdf)
    assert finish(patient, record, key).status_code == 202
    again = finish(patient, record, key)
    assert again.status_code == 202
    assert again.headers["idempotency-replayed"] == "true"
    late = finish(patient, record)
    assert (late.status_code, reason(late)) == (409, "already-uploaded")


def test_the_list_goes_back_page_by_page(api: httpx.Client, patient: Any, pdf: bytes, announce: Any) -> None:
    made = [announce(patient, pdf).json()["id"] for _ in range(3)]
    first = api.get("/v1/records", params={"limit": 2}, headers=patient.headers()).json()
    rest = api.get("/v1/records", params={"limit": 2, "before": first["next"]}, headers=patient.headers()).json()
    assert [record["id"] for record in first["records"] + rest["records"]] == made[::-1]
    assert rest["next"] is None


def test_a_deleted_file_is_gone_for_everybody(
    api: httpx.Client,
    patient: Any,
    picture: Any,
    upload: Any,
    fetch: Any,
    sql: Any,
    bucket: Any,
    eventually: Any,
    reason: Reason,
) -> None:
    record = upload(patient, picture("PNG"), kind="photo", content_type="image/png", name="Mole")["id"]
    url = fetch(patient, record)["url"]
    for _ in range(2):
        assert api.delete(f"/v1/records/{record}", headers=patient.headers()).status_code == 204
    for path in (record, f"{record}/download"):
        refused = api.get(f"/v1/records/{path}", headers=patient.headers())
        assert (refused.status_code, reason(refused)) == (404, "record-not-found")
    assert api.get("/v1/records", headers=patient.headers()).json()["records"] == []
    for key in keys_of(sql, record):
        eventually(lambda key=key: not in_store(bucket, key))
    assert httpx.get(url).status_code == 404
    left = sql("SELECT name, sha256 FROM records WHERE id = $1", record)[0]
    assert (left["name"], left["sha256"]) == ("", None)


def test_an_announced_file_that_never_comes_is_forgotten_after_a_day(
    patient: Any, pdf: bytes, announce: Any, put: Any, sql: Any, bucket: Any, eventually: Any
) -> None:
    announced = announce(patient, pdf)
    put(announced, pdf)
    record = announced.json()["id"]
    uploaded, _, _ = keys_of(sql, record)
    sql("UPDATE records SET created_at = created_at - interval '25 hours' WHERE id = $1", record)
    sql("UPDATE object_removals SET due_at = due_at - interval '25 hours' WHERE object_key = $1", uploaded)
    eventually(lambda: not sql("SELECT FROM records WHERE id = $1", record), within_s=30)
    eventually(lambda: not in_store(bucket, uploaded))
