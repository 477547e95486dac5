"""A patient's files: announced, uploaded, checked by a worker, read by those who may, deleted."""

from typing import Any, Final
from uuid import UUID

from target_app import idempotency
from target_app.database import sql
from target_app.idempotency import Outcome
from target_app.problems import Problem, invalid
from target_app.records.objects import DOWNLOAD_S, UPLOAD_S
from target_app.records.schemas import Announced, Download, NewRecord, State
from target_app.services import Services

_CREATE: Final = sql(__package__, "create")
_OWN_UPLOAD: Final = sql(__package__, "own_upload")
_UPLOADED: Final = sql(__package__, "uploaded")
_LIST: Final = sql(__package__, "list")
_READ: Final = sql(__package__, "read")
_DOWNLOAD: Final = sql(__package__, "download")
_REMOVE: Final = sql(__package__, "remove")
_TRIES_MAX: Final = 3


async def announce(services: Services, uploader: UUID, patient: UUID, new: NewRecord, key: str) -> Outcome[Announced]:
    """Where to upload a new file of the patient. Raises Problem."""
    bytes_max = services.settings.record_bytes_max
    if new.size_bytes > bytes_max:
        raise invalid([{"at": "body/size_bytes", "problem": f"Input should be less than or equal to {bytes_max}"}])
    told = (patient, new.name, new.kind, new.content_type, new.size_bytes, bytes.fromhex(new.sha256))
    services.objects.require()
    for _ in range(_TRIES_MAX):
        made = await services.pool.fetchrow(_CREATE, uploader, *told, key)
        if made is None:
            continue
        if made["state"] == "deleted":
            raise _not_found()
        if made["replayed"] and _as_told(made) != told:
            raise idempotency.reused()
        upload = services.objects.upload(
            made["upload_key"], made["created_at"], new.content_type, new.size_bytes, told[-1]
        )
        announced = Announced(id=made["id"], upload_url=upload.url, upload_headers=upload.headers, expires_in=UPLOAD_S)
        return Outcome(announced, made["replayed"])
    raise _no_patient()


async def uploaded(services: Services, uploader: UUID, record: UUID, key: str) -> Outcome[Any]:
    """Have what was uploaded checked. Raises Problem unless it is there, with the size that was announced."""
    announced = await services.pool.fetchrow(_OWN_UPLOAD, record, uploader)
    if announced is None:
        raise _not_found()
    if announced["state"] == State.AWAITING:
        size_bytes = await services.objects.size_bytes(announced["upload_key"])
        if size_bytes is None:
            raise Problem(409, "not-uploaded", "The file is not uploaded yet", "PUT it to upload_url first.")
        if size_bytes != announced["size_bytes"]:
            raise Problem(
                409,
                "wrong-size",
                "The file has another size than announced",
                f"{announced['size_bytes']} bytes were announced, {size_bytes} are there. Upload it again.",
            )
        changed = await services.pool.fetchrow(_UPLOADED, record, uploader, key)
        if changed is not None:
            return Outcome(changed, replayed=False)
        announced = await services.pool.fetchrow(_OWN_UPLOAD, record, uploader)
        if announced is None:
            raise _not_found()
    if announced["uploaded_key"] != key:
        raise Problem(409, "already-uploaded", "The file is uploaded already", f"It is {announced['state']}.")
    return Outcome(announced, replayed=True)


async def listed(services: Services, reader: UUID, patient: UUID, before: UUID | None, limit: int) -> list[Any]:
    """The patient's files, newest first. Raises Problem 404 when they are none of the reader's business."""
    rows = await services.pool.fetch(_LIST, reader, patient, before, limit)
    if not rows:
        raise _no_patient()
    return [row for row in rows if row["id"] is not None]


async def read(services: Services, reader: UUID, record: UUID) -> Any:
    """Raises Problem 404."""
    found = await services.pool.fetchrow(_READ, reader, record)
    if found is None:
        raise _not_found()
    return found


async def download(services: Services, reader: UUID, record: UUID) -> Download:
    """Where to fetch the bytes. Raises Problem 404, and 409 when they are not checked, or not good."""
    services.objects.require()
    found = await services.pool.fetchrow(_DOWNLOAD, reader, record)
    if found is None:
        raise _not_found()
    if found["state"] != State.STORED:
        raise Problem(409, "not-stored", f"The file is {found['state']}", "Only a stored file can be downloaded.")
    objects, name = services.objects, found["name"]
    return Download(
        url=objects.download(found["object_key"], name, found["content_type"]),
        preview_url=objects.download(found["preview_key"], name, "image/webp") if found["has_preview"] else None,
        expires_in=DOWNLOAD_S,
    )


async def delete(services: Services, patient: UUID, record: UUID) -> None:
    """Of the patient's own; once more changes nothing. Raises Problem 404."""
    if not await services.pool.fetchval(_REMOVE, patient, record):
        raise _not_found()


def _as_told(made: Any) -> tuple[Any, ...]:
    return tuple(made[name] for name in ("patient_id", "name", "kind", "content_type", "size_bytes", "sha256"))


def _no_patient() -> Problem:
    return Problem(404, "patient-not-found", "You have no such patient")


def _not_found() -> Problem:
    return Problem(404, "record-not-found", "There is no such file")
