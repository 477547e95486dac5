import asyncio
from collections.abc import Callable
from typing import Any
from uuid import uuid4

from aiosmtpd.controller import Controller

from target_app.notifications.letters import Letter
from target_app.notifications.mailer import TRIES_MAX, Mailer


class Office:
    """A real mail server that answers each recipient as `verdict` says, and keeps what it accepted."""

    def __init__(self, verdict: Callable[[str, int], str]) -> None:
        self.verdict = verdict
        self.tries: dict[str, int] = {}
        self.accepted: list[str] = []

    async def handle_RCPT(self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any) -> str:
        self.tries[address] = self.tries.get(address, 0) + 1
        answer = self.verdict(address, self.tries[address])
        if answer.startswith("250"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:
        self.accepted.extend(envelope.rcpt_tos)
        return "250 OK"


def letter(recipient: str) -> Letter:
    return Letter(uuid4(), recipient, "Subject", "Text\n")


def send(port: int, office: Office, *letters: Letter) -> list[str | None]:
    controller = Controller(office, hostname="127.0.0.1", port=port)
    controller.start()
    try:

        async def go() -> list[str | None]:
            mailer = Mailer(f"smtp://127.0.0.1:{port}")
            try:
                return await mailer.send(letters)
            finally:
                await mailer.close()

        return asyncio.run(go())
    finally:
        controller.stop()


def test_every_letter_arrives_once(free_port: int) -> None:
    office = Office(lambda *_: "250 OK")
    recipients = [f"p{number}@mail.example" for number in range(30)]
    assert send(free_port, office, *map(letter, recipients)) == [None] * 30
    assert sorted(office.accepted) == sorted(recipients)


def test_a_recipient_that_is_refused_for_good_is_given_up_at_once(free_port: int) -> None:
    office = Office(lambda address, _: "550 no such user" if "gone" in address else "250 OK")
    gone, here = send(free_port, office, letter("gone@mail.example"), letter("here@mail.example"))
    assert gone is not None
    assert "no such user" in gone
    assert here is None
    assert office.tries == {"gone@mail.example": 1, "here@mail.example": 1}


def test_later_means_later(free_port: int) -> None:
    office = Office(lambda _, tries: "250 OK" if tries == 3 else "451 try again")
    assert send(free_port, office, letter("busy@mail.example")) == [None]
    assert office.tries == {"busy@mail.example": 3}


def test_later_does_not_mean_for_ever(free_port: int) -> None:
    office = Office(lambda *_: "451 try again")
    (error,) = send(free_port, office, letter("busy@mail.example"))
    assert error is not None
    assert office.tries == {"busy@mail.example": TRIES_MAX}


def test_a_server_that_is_away_is_waited_for(free_port: int) -> None:
    office = Office(lambda *_: "250 OK")

    async def go() -> list[str | None]:
        mailer = Mailer(f"smtp://127.0.0.1:{free_port}")
        sending = asyncio.create_task(mailer.send([letter("patient@mail.example")]))
        done, _ = await asyncio.wait([sending], timeout=0.5)
        assert not done
        controller = Controller(office, hostname="127.0.0.1", port=free_port)
        controller.start()
        try:
            return await sending
        finally:
            await mailer.close()
            controller.stop()

    assert asyncio.run(go()) == [None]
    assert office.accepted == ["patient@mail.example"]
