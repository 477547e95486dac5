import smtplib
import sqlite3
import sys
from collections.abc import Callable
from email.message import EmailMessage
from pathlib import Path

import pytest

from slotrush.stack import mailbox, process
from slotrush.stack.mailbox import rows_of
from slotrush.stack.ports import HOST, Ports
from slotrush.stack.process import Command, Process


@pytest.fixture
def box(tmp_path: Path, ports: Ports, spawn: Callable[[Command], Process]) -> tuple[int, Path]:
    """A running mailbox: its port and its file."""
    port, path = ports.free(), tmp_path / "mailbox.sqlite"
    part = spawn(mailbox.server(sys.executable, port, path))
    process.wait_until("the mailbox", [part], [lambda: mailbox.ready(port)], 30)
    return port, path


def mail(event: str | None, subject: str, *recipients: str) -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "clinic@example.org", ", ".join(recipients), subject
    if event:
        message["X-Event-Id"] = event
    message.set_content("Sua consulta foi pedida.\n")
    return message


def test_a_mail_is_stored_before_it_is_acknowledged(box: tuple[int, Path]) -> None:
    port, path = box
    with smtplib.SMTP(HOST, port) as client, sqlite3.connect(path) as stored:
        for number in range(20):
            client.send_message(mail(f"event-{number}", "Consulta", f"p{number}@example.org"))
            assert stored.execute("SELECT count(*) FROM mails").fetchone()[0] == number + 1
    row = stored.execute("SELECT event, recipient, sender, subject FROM mails ORDER BY received_us LIMIT 1").fetchone()
    assert row == ("event-0", "p0@example.org", "clinic@example.org", "Consulta")


def test_several_clients_at_once_lose_nothing(box: tuple[int, Path]) -> None:
    port, path = box
    clients = [smtplib.SMTP(HOST, port) for _ in range(10)]
    for number, client in enumerate(clients * 5):
        client.send_message(mail(f"event-{number}", "Consulta", "p@example.org"))
    for client in clients:
        client.quit()
    with sqlite3.connect(path) as stored:
        assert stored.execute("SELECT count(DISTINCT event) FROM mails").fetchone()[0] == 50


def test_each_recipient_has_a_row() -> None:
    raw = mail("e", "Consulta", "p@example.org", "d@example.org").as_bytes()
    rows = rows_of("clinic@example.org", ["p@example.org", "d@example.org"], raw, 7)
    assert [(event, recipient, received_us) for event, recipient, received_us, *_ in rows] == [
        ("e", "p@example.org", 7),
        ("e", "d@example.org", 7),
    ]


def test_a_mail_without_event_is_kept_too() -> None:
    assert rows_of("a@example.org", ["b@example.org"], mail(None, "x", "b@example.org").as_bytes(), 1)[0][0] is None


@pytest.mark.parametrize(
    ("header", "subject"),
    [
        (b"=?utf-8?q?Confirma=C3=A7=C3=A3o?=", "Confirmação"),
        (b"=?no-such-code?q?x?=", "=?no-such-code?q?x?="),
        (b"plain", "plain"),
    ],
)
def test_subjects_are_readable(header: bytes, subject: str) -> None:
    rows = rows_of("a@example.org", ["b@example.org"], b"Subject: " + header + b"\r\n\r\nbody", 1)
    assert rows[0][4] == subject
