import asyncio
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

from target_app.notifications import mailer
from target_app.notifications.letters import Letter
from target_app.notifications.mailer import TRIES_MAX, Delivery, Failure, IsOvertaken, Mailer, Overtaken

Send = Callable[..., list[Delivery]]


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mailer, "BACK_OFF_S", 0.02)


def letter(recipient: str) -> Letter:
    return Letter(uuid4(), "patient", recipient, "Subject", "Text\n")


async def never(_: Letter) -> bool:
    return False


@pytest.fixture
def send(free_port: int) -> Send:
    """Send letters through the free port."""

    def send(*letters: Letter, user: str = "", is_overtaken: IsOvertaken = never) -> list[Delivery]:
        async def go() -> list[Delivery]:
            sender = Mailer(f"smtp://{user}127.0.0.1:{free_port}")
            try:
                return await sender.send(letters, is_overtaken)
            finally:
                await sender.close()

        return asyncio.run(go())

    return send


def test_every_letter_arrives_once(office: Any, send: Send) -> None:
    recipients = [f"p{number}@mail.example" for number in range(30)]
    with office(lambda *_: "250 OK") as it:
        assert send(*map(letter, recipients)) == [None] * 30
    assert sorted(it.accepted) == sorted(recipients)


def test_a_recipient_that_is_refused_for_good_is_given_up_at_once(office: Any, send: Send) -> None:
    with office(lambda address, _: "550 no such user" if "gone" in address else "250 OK") as it:
        assert send(letter("gone@mail.example"), letter("here@mail.example")) == [
            Failure("550 no such user", final=True),
            None,
        ]
    assert it.tries == {"gone@mail.example": 1, "here@mail.example": 1}


def test_a_failure_does_not_name_its_recipient(office: Any, send: Send) -> None:
    with office(lambda address, _: f"550 <{address.upper()}> is unknown"):
        assert send(letter("gone@mail.example")) == [Failure("550 <<patient>> is unknown", final=True)]


def test_later_means_later(office: Any, send: Send) -> None:
    with office(lambda _, tries: "250 OK" if tries == 3 else "451 try again") as it:
        assert send(letter("busy@mail.example")) == [None]
    assert it.tries == {"busy@mail.example": 3}


def test_later_does_not_mean_for_ever_but_it_is_not_final(office: Any, send: Send) -> None:
    with office(lambda *_: "451 try again") as it:
        assert send(letter("busy@mail.example")) == [Failure("451 try again", final=False)]
    assert it.tries == {"busy@mail.example": TRIES_MAX}


def test_a_connection_that_ends_on_one_letter_is_a_try_of_that_letter(office: Any, send: Send) -> None:
    with office(lambda address, _: office.HANGS_UP if "odd" in address else "250 OK") as it:
        failure, other = send(letter("odd@mail.example"), letter("here@mail.example"))
    assert isinstance(failure, Failure)
    assert not failure.final
    assert failure.reason
    assert other is None
    assert it.tries["odd@mail.example"] == TRIES_MAX


def test_a_server_that_takes_its_time_to_accept_a_mail_gets_it_once(
    office: Any, send: Send, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As one that looks into each."""
    monkeypatch.setattr(mailer, "ANSWER_MAX_S", 3.0)
    with office(lambda *_: "250 OK", acceptance_s=3.3) as it:
        assert send(letter("patient@mail.example")) == [None]
    assert it.accepted == ["patient@mail.example"]


def test_a_server_that_never_accepts_a_mail_had_long_enough_in_one_try(
    office: Any, send: Send, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mailer, "ACCEPTANCE_MAX_S", 0.5)
    with office(lambda *_: "250 OK", acceptance_s=60.0) as it:
        assert send(letter("patient@mail.example")) == [Failure("Timed out waiting for server response", final=False)]
    assert it.tries == {"patient@mail.example": 1}


def test_the_pauses_for_a_server_that_is_away_for_days_stay_short() -> None:
    assert mailer._pause_s(100_000) == mailer.BACK_OFF_MAX_S


def test_letters_that_are_overtaken_are_dropped(office: Any, send: Send) -> None:
    async def ours(letter: Letter) -> bool:
        return "late" in letter.recipient

    with office(lambda *_: "250 OK") as it:
        assert send(letter("late@mail.example"), letter("here@mail.example"), is_overtaken=ours) == [Overtaken(), None]
    assert it.accepted == ["here@mail.example"]


def test_what_is_overtaken_while_the_server_wants_it_later_is_dropped(office: Any, send: Send) -> None:
    async def since_the_first_try(letter: Letter) -> bool:
        return letter.recipient in it.tries

    with office(lambda *_: "451 try again") as it:
        assert send(letter("busy@mail.example"), is_overtaken=since_the_first_try) == [Overtaken()]
    assert it.tries == {"busy@mail.example": 1}


@pytest.mark.parametrize("recipient", ["eve@mail.example\r\nBcc: all@mail.example", "josé@mail.example"])
def test_what_is_no_address_for_this_server_stops_nobody_elses_letter(office: Any, send: Send, recipient: str) -> None:
    with office(lambda *_: "250 OK") as it:
        failure, other = send(letter(recipient), letter("here@mail.example"))
    assert isinstance(failure, Failure)
    assert failure.final
    assert recipient not in failure.reason
    assert other is None
    assert it.accepted == ["here@mail.example"]


def test_a_server_that_is_away_is_waited_for(office: Any, free_port: int) -> None:
    async def go() -> list[Delivery]:
        sender = Mailer(f"smtp://127.0.0.1:{free_port}")
        sending = asyncio.create_task(sender.send([letter("patient@mail.example")], never))
        done, _ = await asyncio.wait([sending], timeout=0.5)
        assert not done
        with it:
            try:
                return await sending
            finally:
                await sender.close()

    it = office(lambda *_: "250 OK")
    assert asyncio.run(go()) == [None]
    assert it.accepted == ["patient@mail.example"]


@pytest.mark.filterwarnings("ignore:Requiring AUTH")
def test_a_server_that_lets_nobody_in_blames_no_letter(office: Any, send: Send, free_port: int) -> None:
    """As when the notifier's password was changed on one side first."""
    logins = 0

    def authenticator(*_: Any) -> AuthResult:
        nonlocal logins
        logins += 1
        return AuthResult(success=logins > 8, handled=False)

    it = office(lambda *_: "250 OK")
    options = {"auth_required": True, "auth_require_tls": False, "authenticator": authenticator}
    controller = Controller(it, hostname="127.0.0.1", port=free_port, **options)
    controller.start()
    try:
        assert send(letter("patient@mail.example"), user="agenda:secret@") == [None]
    finally:
        controller.stop()
    assert logins > 8
    assert it.accepted == ["patient@mail.example"]
