"""Texts that would be statements, patterns or headers if somebody took them for more than texts."""

import socket
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from email import message_from_bytes
from typing import Any, Final
from urllib.parse import quote, urlsplit
from uuid import uuid4

import httpx
import pytest

from target_app.identity.documents import cpf_with_check_digits
from tests.attacks import Attacks

STATEMENTS: Final = (
    "'",
    "''",
    '"',
    "\\'",
    "' OR '1'='1",
    "' OR 1=1 --",
    "') OR ('1'='1",
    "' UNION SELECT password_hash FROM accounts --",
    "'; UPDATE accounts SET role = 'staff'; --",
    "'; DROP TABLE patients CASCADE; --",
    "'; SELECT pg_sleep(30); --",
    "'||pg_sleep(30)||'",
    "$1",
    "$$; DROP TABLE slots; $$",
    "%",
    "%%",
    "_",
    "\\",
    "\\%",
    "{0}",
    "%s",
    "%(name)s",
    "{{7*7}}",
    "${7*7}",
    "${jndi:ldap://127.0.0.1/a}",
    "<script>alert(1)</script>",
    "=cmd|'/C calc'!A0",
    "`id`",
    "$(id)",
    "|id",
)
LINE_BREAKS: Final = ("\r\n", "\n", "\r", "\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\u2029", "\0")
INJECTED: Final = "Set-Cookie: stolen=1"
ANSWER_HEADERS: Final = {
    *("content-type", "content-length", "cache-control", "content-security-policy", "x-content-type-options"),
    *("x-frame-options", "referrer-policy", "strict-transport-security", "date", "vary", "etag", "retry-after"),
    *("idempotency-replayed", "connection", "allow", "content-language", "transfer-encoding"),
}
MAIL_HEADERS: Final = {
    *("from", "to", "subject", "date", "message-id", "mime-version", "content-type", "content-transfer-encoding"),
    "x-event-id",
}
SQL: Final = "SQL and patterns in texts"
HEADERS: Final = "line breaks and headers in texts"
TABLES: Final = ("accounts", "patients", "doctors", "staff", "clinics")


@pytest.fixture
def people(sql: Any) -> Callable[[], list[tuple[Any, ...]]]:
    """Everybody, as the database has them: other tests of this process run before or after, never beside."""

    def people() -> list[tuple[Any, ...]]:
        return [tuple(row) for table in TABLES for row in sql(f"SELECT count(*), '{table}' FROM {table}")] + [
            tuple(row) for row in sql("SELECT role, count(*) FROM accounts GROUP BY role ORDER BY role")
        ]

    return people


def test_a_search_for_a_statement_finds_nobody(
    api: httpx.Client, patient: Any, people: Callable[[], list[tuple[Any, ...]]], attack: Attacks
) -> None:
    tried, before = attack(SQL), people()
    for text in STATEMENTS:
        for name in ("name", "specialty", "crm_state", "after", "price_min_cents", "free_from", "limit"):
            answer = api.get("/v1/doctors", params={name: text}, headers=patient.headers())
            assert answer.status_code in (200, 422), answer.text
            found = answer.json().get("doctors", [])
            if name in ("name", "specialty"):
                # Doctors of other tests are called like this: a pattern finds them as letters, and nobody else.
                assert all(text.casefold() in doctor[name].casefold() for doctor in found), (name, text, found)
                tried.tried("nobody found")
            elif answer.status_code == 422:
                tried.tried("422")
    assert people() == before


def test_signing_in_with_a_statement_is_for_nobody(stack: Any, attack: Attacks) -> None:
    """From an address of their own, as attempts are counted."""
    transport = httpx.HTTPTransport(local_address="127.0.77.1")
    with httpx.Client(base_url=stack.base_url, transport=transport, timeout=30) as client:
        for text in STATEMENTS:
            for body in (
                {"email": f"{text}@mail.example"},
                {"email": text},
                {"cpf": text},
                {"crm": text, "crm_state": "SP"},
                {"crm": "123456", "crm_state": text},
            ):
                answer = client.post("/v1/sessions", json=body | {"password": text})
                attack(SQL).tried(f"{answer.status_code}")
                assert answer.status_code in (401, 422), (body, answer.text)


def test_an_id_is_an_id(api: httpx.Client, patient: Any, doctor: Any, attack: Attacks) -> None:
    for text in STATEMENTS:
        for by, path in (
            (patient, f"/v1/doctors/{quote(text, safe='')}"),
            (patient, f"/v1/doctors/{quote(text, safe='')}/agenda"),
            (patient, f"/v1/appointments/{quote(text, safe='')}"),
            (patient, f"/v1/records/{quote(text, safe='')}"),
            (doctor, f"/v1/doctors/{quote(text, safe='')}/slots"),
        ):
            answer = api.get(path, headers=by.headers())
            attack(SQL).tried(f"{answer.status_code}")
            assert answer.status_code in (404, 422), (path, answer.text)


def test_what_is_stored_is_what_was_written(
    api: httpx.Client, patient: Any, publish: Any, book: Any, people: Any, attack: Attacks
) -> None:
    """A statement as a name, a reason, a file's name and a key comes back letter by letter."""
    before, stored = people(), attack(SQL)
    for text, slot in zip(STATEMENTS, publish(len(STATEMENTS)), strict=True):
        renamed = api.patch("/v1/me", json={"name": f"a{text}"}, headers=patient.headers(str(uuid4())))
        assert (renamed.status_code, renamed.json()["name"]) == (200, f"a{text}")
        booked = book(patient, slot, key=f"key {text}")
        again = book(patient, slot, key=f"key {text}")
        assert (booked.status_code, again.headers["idempotency-replayed"]) == (201, "true")
        appointment = booked.json()["id"]
        cancelled = api.post(
            f"/v1/appointments/{appointment}/cancel", json={"reason": text}, headers=patient.headers(str(uuid4()))
        )
        assert cancelled.status_code == 200, cancelled.text
        history = api.get(f"/v1/appointments/{appointment}/history", headers=patient.headers()).json()
        assert [event["reason"] for event in history["events"]][-1] == text
        stored.tried("stored as it was written", 3)
    assert people() == before


def told(status: int) -> str:
    """For the table: an answer whose headers are those that it should have."""
    return "answered without such a header" if status == 200 else f"{status}"


@pytest.mark.parametrize("line_break", LINE_BREAKS, ids=ascii)
def test_no_text_becomes_a_header_of_an_answer(
    line_break: str, api: httpx.Client, patient: Any, doctor: Any, attack: Attacks
) -> None:
    text = f"a{line_break}{INJECTED}"
    file = {"kind": "report", "content_type": "application/pdf", "size_bytes": 9, "sha256": "ab" * 32}
    answers = [
        api.get("/v1/doctors", params={"name": text, "after": text}, headers=patient.headers()),
        api.get(f"/v1/doctors/{quote(text, safe='')}", headers=patient.headers()),
        api.get(f"/v1/doctors/{doctor.id}/agenda", params={"x": text}, headers=patient.headers()),
        api.get(f"/{quote(text, safe='')}"),
        api.patch("/v1/me", json={"name": text}, headers=patient.headers(str(uuid4()))),
        api.post("/v1/records", json=file | {"name": text}, headers=patient.headers(str(uuid4()))),
    ]
    for answer in answers:
        attack(HEADERS).tried(told(answer.status_code))
        assert {name.lower() for name in answer.headers} <= ANSWER_HEADERS, answer.headers
    if not text.isprintable():
        assert answers[-1].status_code == 422, "a file's name becomes a header of the store's answer"
    me = api.get("/v1/me", headers=patient.headers()).json()
    assert not any(ord(letter) < 32 or 127 <= ord(letter) < 160 for letter in me["name"])


def test_no_header_of_a_request_becomes_one_of_its_answer(stack: Any, attack: Attacks) -> None:
    """Sent as bytes, as no good client sends them."""
    values = [b"a%b%b" % (line_break, INJECTED.encode()) for line_break in (b"\r", b"%0d%0a", b"\x0b", b"\\r\\n")]
    requests = [
        (target, b"GET / HTTP/1.1\r\nHost: b\r\nConnection: close\r\n%b: %b\r\n\r\n" % (header, value))
        for target in (stack.base_url, stack.replica_urls[0])
        for header in (b"X-Request-ID", b"Idempotency-Key", b"Accept-Language", b"X-Forwarded-Host", b"Origin")
        for value in values
    ]

    def ask(asked: tuple[str, bytes]) -> bytes:
        with socket.create_connection(("127.0.0.1", urlsplit(asked[0]).port or 0), timeout=10) as connection:
            connection.sendall(asked[1])
            return b"".join(iter(lambda: connection.recv(65_536), b""))

    with ThreadPoolExecutor(len(requests)) as pool:
        for answer in pool.map(ask, requests):
            lines = answer.partition(b"\r\n\r\n")[0].splitlines()[1:]
            names = {line.partition(b":")[0].decode().lower() for line in lines}
            attack(HEADERS).tried(told(int(answer[9:12])))
            assert names <= ANSWER_HEADERS | {"link"}, answer[:500]


def test_nobody_is_sent_to_a_host_that_the_request_names(stack: Any, attack: Attacks) -> None:
    for headers in ({"Host": "evil.example"}, {"X-Forwarded-Host": "evil.example"}, {"Forwarded": "host=evil.example"}):
        for path in ("/", "/v1/doctors/", "/login", "/docs", "/static", "//evil.example/%2e%2e"):
            answer = httpx.get(f"{stack.base_url}{path}", headers=headers, follow_redirects=False)
            attack(HEADERS).tried(told(answer.status_code))
            assert "evil.example" not in answer.headers.get("location", "")
            assert "evil.example" not in answer.text, path


def test_no_text_becomes_a_header_or_a_recipient_of_an_e_mail(
    api: httpx.Client, stack: Any, patient: Any, publish: Any, book: Any, eventually: Any, attack: Attacks
) -> None:
    texts = [f"ill{each}Bcc: everybody@evil.example{each}{each}Click here" for each in LINE_BREAKS if each != "\0"]
    booked = [book(patient, slot).json()["id"] for slot in publish(len(texts))]
    for appointment, text in zip(booked, texts, strict=True):
        answer = api.post(
            f"/v1/appointments/{appointment}/cancel", json={"reason": text}, headers=patient.headers(str(uuid4()))
        )
        assert answer.status_code == 200, answer.text

    def mails() -> list[tuple[str, bytes]]:
        with closing(sqlite3.connect(stack.mailbox_path, timeout=10)) as mailbox:
            rows = mailbox.execute("SELECT recipient, raw FROM mails").fetchall()
        return [(recipient, bytes(content)) for recipient, content in rows if b"everybody" in bytes(content)]

    for recipient, content in eventually(lambda: found if len(found := mails()) >= 2 * len(texts) else None):
        message = message_from_bytes(content)
        assert {name.lower() for name in message} <= MAIL_HEADERS, content
        assert recipient == message["To"]
        attack(HEADERS).tried("one recipient, as it should be")


def test_a_name_that_is_signed_up_cannot_break_a_line(api: httpx.Client, sql: Any, attack: Attacks) -> None:
    (before,) = sql("SELECT count(*) FROM accounts")
    for number, line_break in enumerate(LINE_BREAKS[:7]):
        person = {
            "name": f"Maria{line_break}Bcc: all@evil.example",
            "email": f"m{number}.{uuid4()}@mail.example",
            "cpf": cpf_with_check_digits(870_000_000 + number),
            "password": "correct horse battery staple",
        }
        answer = api.post("/v1/patients", json=person, headers={"Idempotency-Key": str(uuid4())})
        attack(HEADERS).tried(told(answer.status_code))
        assert answer.status_code == 422
    assert sql("SELECT count(*) FROM accounts") == [before]
