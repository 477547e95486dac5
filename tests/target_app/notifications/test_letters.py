from datetime import UTC, datetime
from email import message_from_bytes
from email.policy import default
from typing import Any
from uuid import uuid4

import pytest

from target_app.notifications.letters import letters

EVENT: dict[str, Any] = {
    "id": uuid4(),
    "state": "requested",
    "reason": None,
    "at": datetime(2027, 2, 28, 12, tzinfo=UTC),
    "starts_at": datetime(2027, 3, 1, 12, tzinfo=UTC),
    "price_cents": 123_450,
    "patient": "João Gonçalves",
    "patient_email": "joao@mail.example",
    "patient_locale": "pt-BR",
    "doctor": "Dra. Ana Souza",
    "doctor_email": "ana@clinic.example",
    "doctor_locale": "en",
}


def test_patient_and_doctor_each_get_one_letter_in_their_language() -> None:
    to_patient, to_doctor = letters(EVENT)
    assert (to_patient.recipient, to_doctor.recipient) == ("joao@mail.example", "ana@clinic.example")
    assert to_patient.subject == "Consulta solicitada para 01/03/2027 às 09:00"
    assert "R$ 1.234,50" in to_patient.text
    assert to_doctor.subject == "Appointment requested for 2027-03-01 at 09:00"
    assert "R$ 1,234.50" in to_doctor.text
    assert "João Gonçalves requests" in to_doctor.text


@pytest.mark.parametrize("state", ["requested", "accepted", "declined", "cancelled"])
@pytest.mark.parametrize("locale", ["pt-BR", "en"])
def test_every_state_has_words_in_every_language(state: str, locale: str) -> None:
    event = EVENT | {"state": state, "reason": "férias", "patient_locale": locale, "doctor_locale": locale}
    for letter in letters(event):
        assert "{" not in letter.subject + letter.text
        assert ("férias" in letter.text) == (state in ("declined", "cancelled"))


def test_a_letter_arrives_as_it_was_written_and_names_its_event() -> None:
    letter, _ = letters(EVENT)
    message = message_from_bytes(letter.message(), policy=default)
    assert message["X-Event-Id"] == str(EVENT["id"])
    assert message["Subject"] == letter.subject
    assert message.get_content() == letter.text
    assert message["Message-ID"] == message_from_bytes(letter.message(), policy=default)["Message-ID"]
