"""What is left of a patient's files when the patient is erased, and of all files when there is no store."""

import asyncio
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx
import obstore
import pytest

from target_app.records.erasure import erase_within


def test_files_and_texts_go_and_the_log_of_accesses_stays(
    api: httpx.Client,
    stack: Any,
    patient: Any,
    doctor: Any,
    pdf: bytes,
    upload: Any,
    seen_by: Any,
    sql: Any,
    bucket: Any,
    eventually: Any,
) -> None:
    record = upload(patient, pdf, name="Ana Souza's blood count")["id"]
    appointment = seen_by(patient, doctor)
    sql("UPDATE appointments SET state = 'accepted' WHERE id = $1", appointment)
    prescription = {"items": [{"medicine": "Lithium", "dosage": "300 mg"}], "notes": "Talk to Ana's mother"}
    made = api.post(
        f"/v1/appointments/{appointment}/prescriptions", json=prescription, headers=doctor.headers(str(uuid4()))
    )
    assert made.status_code == 201
    until = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    api.put(f"/v1/records/shares/{doctor.id}", json={"expires_at": until}, headers=patient.headers(str(uuid4())))
    api.get(f"/v1/records/{record}/download", headers=doctor.headers())

    async def erase() -> None:
        connection = await asyncpg.connect(stack.database_url)
        async with connection.transaction():
            await erase_within(connection, UUID(patient.id))
        await connection.close()

    asyncio.run(erase())
    asyncio.run(erase())

    assert api.get(f"/v1/records/{record}/download", headers=doctor.headers()).status_code == 404
    left = sql("SELECT * FROM records WHERE id = $1", record)[0]
    for key in (left["upload_key"], left["object_key"], left["preview_key"]):
        eventually(lambda key=key: not obstore.list(bucket, prefix=key).collect())
    medical = sql(
        """
        SELECT (SELECT string_agg(records::text, '') FROM records WHERE patient_id = $1),
               (SELECT string_agg(prescriptions::text, '') FROM prescriptions WHERE patient_id = $1),
               (SELECT string_agg(record_shares::text, '') FROM record_shares WHERE patient_id = $1)
        """,
        patient.id,
    )[0]
    assert not [word for word in ("Ana", "blood", "Lithium", "mother") if word in str(tuple(medical))]
    assert medical[2] is None
    log = sql("SELECT reader_id, action FROM record_accesses WHERE patient_id = $1 ORDER BY id", patient.id)
    assert [(str(row["reader_id"]), row["action"]) for row in log] == [(doctor.id, "downloaded")]


@pytest.fixture
def without_store(stack: Any, free_port: int, eventually: Any) -> Iterator[httpx.Client]:
    """A replica of the same system that knows of no store."""
    environment = {name: value for name, value in stack.environment().items() if not name.startswith("S3_")}
    program = [sys.executable, "-m", "target_app.serve", "--port", str(free_port)]
    with subprocess.Popen(program, env=environment) as replica:
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{free_port}", timeout=30) as client:

                def ready() -> bool:
                    try:
                        return client.get("/readyz").status_code == 200
                    except httpx.TransportError:
                        return False

                eventually(ready, within_s=60)
                yield client
        finally:
            replica.terminate()


def test_without_a_store_everything_else_works(
    without_store: httpx.Client, patient: Any, doctor: Any, pdf: bytes, upload: Any, reason: Callable[..., str]
) -> None:
    record = upload(patient, pdf)["id"]
    announced = {"name": "a", "kind": "other", "content_type": "application/pdf", "size_bytes": 9, "sha256": "0" * 64}
    for refused in (
        without_store.post("/v1/records", json=announced, headers=patient.headers(str(uuid4()))),
        without_store.get(f"/v1/records/{record}/download", headers=patient.headers()),
    ):
        assert (refused.status_code, reason(refused)) == (503, "no-object-store")
    assert without_store.get(f"/v1/doctors/{doctor.id}/agenda", headers=patient.headers()).status_code == 200
