"""A page that shows an upload asks no more than it must: the patient sees in their log who asked."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

import httpx
import pytest
from playwright.sync_api import Page, Request, expect

PAUSE_MS = 5_000
"""Longer than a page waits until it asks again."""
HIDE = "Object.defineProperty(document, 'hidden', {get: () => %s, configurable: true})"
NEW = """
INSERT INTO records (
    patient_id, uploaded_by, name, kind, content_type, size_bytes, sha256, idempotency_key, state, claimed_until
)
SELECT $1, $1, 'Blood count', 'report', 'application/pdf', 1, sha256(''), 'k', 'checking', now() + interval '1 hour'
RETURNING id
"""


@pytest.fixture
def aside(sql: Callable[..., list[Any]]) -> Callable[..., list[Any]]:
    """As `sql`, in a thread that has no browser."""

    def aside(statement: str, *arguments: Any) -> list[Any]:
        with ThreadPoolExecutor(1) as thread:
            return thread.submit(sql, statement, *arguments).result()

    return aside


def asked(page: Page) -> list[str]:
    """The paths that the page asks for from now on."""
    paths: list[str] = []

    def note(request: Request) -> None:
        paths.append(request.url.partition("/v1")[2].partition("?")[0])

    page.on("request", note)
    return paths


@pytest.mark.long
def test_the_uploader_follows_one_file_while_they_look(
    enter: Callable[..., Page], patient: Any, aside: Callable[..., list[Any]]
) -> None:
    record = aside(NEW, UUID(patient.id))[0]["id"]
    page = enter(patient, "patient", locale="en")
    paths = asked(page)
    with page.expect_request(f"**/v1/records/{record}"):
        page.goto("/records")
    assert paths.count("/records") == 1

    page.evaluate(HIDE % "true")
    page.wait_for_timeout(PAUSE_MS)  # what is on its way may still come
    paths.clear()
    page.wait_for_timeout(PAUSE_MS)
    assert paths == []

    aside("UPDATE records SET state = 'rejected', rejected_because = 'unreadable' WHERE id = $1", record)
    page.evaluate(HIDE % "false" + "; dispatchEvent(new Event('visibilitychange'))")
    expect(page.locator("#files .badge.rejected")).to_be_visible()
    assert paths == [f"/records/{record}"]


@pytest.mark.long
@pytest.mark.usefixtures("appointment")
def test_a_doctor_asks_once_for_what_others_uploaded(
    enter: Callable[..., Page], api: httpx.Client, patient: Any, doctor: Any, aside: Callable[..., list[Any]]
) -> None:
    aside(NEW, UUID(patient.id))
    page = enter(doctor, "doctor", locale="en")
    paths = asked(page)
    page.goto(f"/records?patient_id={patient.id}")
    expect(page.locator("#files .badge.checking")).to_be_visible()
    page.wait_for_timeout(PAUSE_MS)
    assert [path for path in paths if path.startswith("/records")] == ["/records"]
    log = api.get("/v1/records/accesses", headers=patient.headers()).json()["accesses"]
    assert [each["action"] for each in log].count("listed") == 1
