from datetime import UTC, datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any
from uuid import uuid4

import pytest

from target_app.notifications.letters import Letter, letters

LINK = "https://video.clinic.example/019a3c5e"
EVENT: dict[str, Any] = {
    "id": uuid4(),
    "state": "requested",
    "reason": None,
    "at": datetime(2027, 2, 28, 12, tzinfo=UTC),
    "starts_at": datetime(2027, 3, 1, 12, tzinfo=UTC),
    "previous_starts_at": None,
    "deadline": datetime(2027, 3, 1, 2, 15, tzinfo=UTC),
    "price_cents": 123_450,
    "video_url": None,
    "patient": "João Gonçalves",
    "patient_email": "joao@mail.example",
    "patient_locale": "pt-BR",
    "doctor": "Dra. Ana Souza",
    "doctor_email": "ana@clinic.example",
    "doctor_locale": "en",
}
TO_BOTH = ("requested", "accepted", "declined", "cancelled", "rescheduled")
TO_PATIENT = ("offered", "reminder")
TO_NOBODY = ("moved", "completed", "no_show", "expired")
LOCALES = ("pt-BR", "en")


def written(state: str, locale: str = "en", **facts: Any) -> list[Letter]:
    return list(letters(EVENT | {"state": state, "patient_locale": locale, "doctor_locale": locale} | facts))


def parsed(letter: Letter) -> EmailMessage:
    return message_from_bytes(letter.message(), policy=default)


def test_patient_and_doctor_each_get_one_letter_in_their_language() -> None:
    to_patient, to_doctor = letters(EVENT)
    assert (to_patient.recipient, to_doctor.recipient) == ("joao@mail.example", "ana@clinic.example")
    assert to_patient.subject == "Consulta solicitada para 01/03/2027 às 09:00"
    assert "Olá, João Gonçalves!" in to_patient.text
    assert "R$ 1.234,50" in to_patient.text
    assert to_doctor.subject == "Appointment requested for 2027-03-01 at 09:00"
    assert "Hello Dra. Ana Souza," in to_doctor.text
    assert "R$ 1,234.50" in to_doctor.text
    assert "João Gonçalves requests" in to_doctor.text


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize(
    ("states", "roles"), [(TO_BOTH, ["patient", "doctor"]), (TO_PATIENT, ["patient"]), (TO_NOBODY, [])]
)
def test_who_hears_of_what(states: tuple[str, ...], roles: list[str], locale: str) -> None:
    for state in states:
        assert [letter.role for letter in written(state, locale)] == roles, state


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("state", TO_BOTH + TO_PATIENT)
def test_every_letter_says_to_whom_with_whom_when_and_in_which_time_zone(state: str, locale: str) -> None:
    when = {"pt-BR": "01/03/2027 às 09:00", "en": "2027-03-01 at 09:00"}[locale]
    zone = {"pt-BR": "(horário de São Paulo)", "en": "(São Paulo time)"}[locale]
    for letter in written(state, locale):
        assert when in letter.subject
        assert f"{when} {zone}" in letter.text
        assert EVENT["patient"] in letter.text
        assert EVENT["doctor"] in letter.text
        assert "{" not in letter.subject + letter.text
        assert letter.text.endswith("\n")
        assert not letter.text.startswith("\n")


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("state", TO_BOTH + TO_PATIENT)
def test_reason_link_and_price_are_told_where_they_matter(state: str, locale: str) -> None:
    for letter in written(state, locale, reason="férias", video_url=LINK):
        assert ("férias" in letter.text) == (state in ("declined", "cancelled"))
        assert (LINK in letter.text.splitlines()) == (state in ("accepted", "reminder"))
        assert ("R$ 1" in letter.text) == (state in ("requested", "offered"))


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("state", ["accepted", "reminder"])
def test_where_there_is_no_link_none_is_promised(state: str, locale: str) -> None:
    for letter in written(state, locale, video_url=None):
        assert {"pt-BR": "não informado", "en": "not given"}[locale] not in letter.text
        assert {"pt-BR": "videochamada", "en": "video call"}[locale] not in letter.text
        assert "\n\n\n" not in letter.text


@pytest.mark.parametrize(("locale", "words"), [("pt-BR", "não informado"), ("en", "not given")])
def test_a_reason_that_nobody_gave_is_not_a_gap(locale: str, words: str) -> None:
    assert all(words in letter.text for letter in written("cancelled", locale, reason=" \n"))


@pytest.mark.parametrize(
    ("locale", "old", "new"),
    [
        ("pt-BR", "Horário anterior: 27/02/2027 às 15:30", "Novo horário: 01/03/2027 às 09:00"),
        ("en", "Old time: 2027-02-27 at 15:30", "New time: 2027-03-01 at 09:00"),
    ],
)
def test_a_rescheduled_appointment_has_its_old_and_its_new_time(locale: str, old: str, new: str) -> None:
    before = datetime(2027, 2, 27, 18, 30, tzinfo=UTC)
    for letter in written("rescheduled", locale, previous_starts_at=before):
        assert old in letter.text
        assert new in letter.text


@pytest.mark.parametrize(
    ("locale", "deadline", "price"),
    [("pt-BR", "até 28/02/2027 às 23:15", "R$ 1.234,50"), ("en", "until 2027-02-28 at 23:15", "R$ 1,234.50")],
)
def test_an_offer_has_its_deadline_in_the_clinics_day_and_its_price(locale: str, deadline: str, price: str) -> None:
    (letter,) = written("offered", locale)
    assert deadline in letter.text
    assert price in letter.text


def test_a_letter_arrives_as_it_was_written_and_names_its_event() -> None:
    letter, _ = letters(EVENT)
    message = parsed(letter)
    assert message["X-Event-Id"] == str(EVENT["id"])
    assert message["Subject"] == letter.subject
    assert message.get_content() == letter.text


def test_every_attempt_has_the_same_message_id_and_each_recipient_another() -> None:
    to_patient, to_doctor = letters(EVENT)
    assert parsed(to_patient)["Message-ID"] == parsed(to_patient)["Message-ID"]
    assert parsed(to_patient)["Message-ID"] != parsed(to_doctor)["Message-ID"]


AWKWARD = [
    'Conceição D\'Ávila "Zé" Müller-Łuć',
    "Eve\r\nBcc: everybody@mail.example\r\n\r\nClick here",
    "\u202eevE\u2028\x1b[31m Mallory\t",
    "{reason.__class__} %s {0} {",
    "李小龍 🩺",
    "x" * 3_000,
]


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("state", TO_BOTH + TO_PATIENT)
@pytest.mark.parametrize("awkward", AWKWARD)
def test_whatever_people_write_stays_a_part_of_a_sentence(state: str, locale: str, awkward: str) -> None:
    plain = [len(letter.text.splitlines()) for letter in written(state, locale, video_url=LINK)]
    several = written(state, locale, patient=awkward, doctor=awkward, reason=awkward, video_url=awkward)
    for letter, lines in zip(several, plain, strict=True):
        message = parsed(letter)
        assert message.get_content() == letter.text
        assert len(letter.text.splitlines()) == lines
        assert letter.text.replace("\n", "").isprintable()
        assert not message.defects
        assert message["Bcc"] is None
        assert message["To"] == letter.recipient
        assert message["Subject"] == letter.subject


@pytest.mark.parametrize("state", TO_BOTH + TO_PATIENT)
def test_a_patient_whose_data_were_removed_gets_none(state: str) -> None:
    removed = written(state, patient_email=f"removed-{uuid4()}@removed.invalid")
    assert [letter.role for letter in removed] == (["doctor"] if state in TO_BOTH else [])


def test_an_address_cannot_add_a_header() -> None:
    letter = Letter(uuid4(), "patient", "eve@mail.example\r\nBcc: everybody@mail.example", "Subject", "Text\n")
    with pytest.raises(ValueError, match="linefeed"):
        letter.message()
