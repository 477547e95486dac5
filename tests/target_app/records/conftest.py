"""Files to upload, and the whole way of an upload, as clients go it."""

import hashlib
import random
from collections.abc import Callable
from io import BytesIO
from typing import Any
from uuid import uuid4

import httpx
import pytest
from PIL import Image

from target_app.identity import keys
from target_app.identity.tokens import Tokens

PDF = b"%PDF-1.7\n1 0 obj << /Type /Catalog >> endobj\ntrailer << /Root 1 0 R >>\n%%EOF\n"


@pytest.fixture
def pdf() -> bytes:
    """One that no other test has."""
    return PDF + uuid4().hex.encode()


@pytest.fixture
def picture() -> Callable[..., bytes]:
    """An image file of noise, which no format can compress away, in one of Pillow's formats and modes."""

    def picture(format_name: str, size: tuple[int, int] = (40, 30), mode: str = "RGB", **saved: Any) -> bytes:
        noise = random.Random(7).randbytes(size[0] * size[1] * len(Image.new(mode, (1, 1)).tobytes()))
        file = BytesIO()
        Image.frombytes(mode, size, noise).save(file, format_name, **saved)
        return file.getvalue()

    return picture


@pytest.fixture
def announce(api: httpx.Client) -> Callable[..., httpx.Response]:
    def announce(by: Any, content: bytes, key: str | None = None, **changes: Any) -> httpx.Response:
        announced = {
            "name": "Exame de março",
            "kind": "report",
            "content_type": "application/pdf",
            "size_bytes": len(content),
            "sha256": hashlib.sha256(content).hexdigest(),
        }
        return api.post("/v1/records", json=announced | changes, headers=by.headers(key or str(uuid4())))

    return announce


@pytest.fixture
def put() -> Callable[[httpx.Response, bytes], httpx.Response]:
    def put(announced: httpx.Response, content: bytes) -> httpx.Response:
        assert announced.status_code == 201, announced.text
        where = announced.json()
        return httpx.put(where["upload_url"], content=content, headers=where["upload_headers"])

    return put


@pytest.fixture
def finish(api: httpx.Client) -> Callable[..., httpx.Response]:
    def finish(by: Any, record: str, key: str | None = None) -> httpx.Response:
        return api.post(f"/v1/records/{record}/uploaded", headers=by.headers(key or str(uuid4())))

    return finish


@pytest.fixture
def checked(api: httpx.Client, eventually: Any) -> Callable[..., dict[str, Any]]:
    """Wait until the worker has done with the record, and read it."""

    def checked(by: Any, record: str) -> dict[str, Any]:
        def read() -> Any:
            answer = api.get(f"/v1/records/{record}", headers=by.headers())
            assert answer.status_code == 200, answer.text
            return answer.json() if answer.json()["state"] in ("stored", "rejected") else None

        found: dict[str, Any] = eventually(read, within_s=60)
        return found

    return checked


@pytest.fixture
def upload(announce: Any, put: Any, finish: Any, checked: Any) -> Callable[..., dict[str, Any]]:
    """The whole way. The record, once it is checked."""

    def upload(by: Any, content: bytes, **changes: Any) -> dict[str, Any]:
        announced = announce(by, content, **changes)
        assert put(announced, content).status_code == 200
        record = announced.json()["id"]
        accepted = finish(by, record)
        assert accepted.status_code == 202, accepted.text
        assert accepted.json()["state"] == "checking"
        done: dict[str, Any] = checked(by, record)
        return done

    return upload


@pytest.fixture
def fetch(api: httpx.Client) -> Callable[..., dict[str, Any]]:
    def fetch(by: Any, record: str) -> dict[str, Any]:
        answer = api.get(f"/v1/records/{record}/download", headers=by.headers())
        assert answer.status_code == 200, answer.text
        where: dict[str, Any] = answer.json()
        return where

    return fetch


@pytest.fixture
def seen_by(publish: Any, book: Any) -> Callable[..., str]:
    """Have the patient ask the doctor for an appointment, and return its id."""

    def seen_by(patient: Any, doctor: Any, in_hours: float = 24) -> str:
        booked = book(patient, publish(in_hours=in_hours, by=doctor)[0])
        assert booked.status_code == 201, booked.text
        return str(booked.json()["id"])

    return seen_by


@pytest.fixture
def other_doctor(accounts: Any) -> Any:
    return next(accounts.doctors)


@pytest.fixture
def bucket(stack: Any) -> Any:
    """The store, with the system's own keys."""
    return stack.objects.client()


@pytest.fixture
def staff_headers(stack: Any) -> dict[str, str]:
    token = Tokens(keys.load(stack.jwt_key_file)).issue(uuid4(), "staff", 600)
    return {"Authorization": f"Bearer {token}", "Idempotency-Key": str(uuid4())}
