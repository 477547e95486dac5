"""The e-mails: who hears of an event, and what they read."""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from functools import cache
from importlib.resources import files
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from target_app.identity.schemas import REMOVED_DOMAIN

SENDER: Final = "Agenda <agenda@clinic.example>"
CLINIC_TIME: Final = ZoneInfo("America/Sao_Paulo")


@dataclass(frozen=True)
class Letter:
    """`role`: as whom the recipient gets it, patient or doctor."""

    event: UUID
    role: str
    recipient: str
    subject: str
    text: str

    def message(self) -> bytes:
        """As it goes over the wire. Its Message-ID is the same for every attempt, so a mailbox can tell doubles.

        Raises ValueError when the recipient is nothing that a header can hold.
        """
        message = EmailMessage()
        message["From"] = SENDER
        message["To"] = self.recipient
        message["Subject"] = self.subject
        message["Message-ID"] = f"<{self.event}.{self.role}@clinic.example>"
        message["X-Event-Id"] = str(self.event)
        message.set_content(self.text)
        return message.as_bytes()


def letters(event: Mapping[str, Any]) -> Iterator[Letter]:
    """What is sent about the event, a row of events.sql: to each role that its state has a text for, in the language
    of whoever has that role. Nothing goes to somebody whose data were removed."""
    for role in ("patient", "doctor"):
        texts, recipient = _texts(event[f"{role}_locale"]), event[f"{role}_email"]
        text = texts.get(event["state"], {})
        if role in text and not recipient.endswith(f"@{REMOVED_DOMAIN}"):
            values = _values(event, event[f"{role}_locale"], texts["words"])
            subject, body = text["subject"].format(**values), text[role].format(**values)
            yield Letter(event["id"], role, recipient, subject, body)


def _values(event: Mapping[str, Any], locale: str, words: Mapping[str, str]) -> dict[str, str]:
    def when(at: datetime | None) -> str:
        return at.astimezone(CLINIC_TIME).strftime(words["when"]) if at else words["missing"]

    link = _one_line(event["video_url"] or "")
    return {
        "patient": _one_line(event["patient"]),
        "doctor": _one_line(event["doctor"]),
        "when": when(event["starts_at"]),
        "previous": when(event["previous_starts_at"]),
        "deadline": when(event["deadline"]),
        "price": _price(event["price_cents"], locale),
        "call": words["call"].format(link=link) if link else "",
        "reason": _one_line(event["reason"] or "") or words["missing"],
    }


@cache
def _texts(locale: str) -> dict[str, dict[str, str]]:
    """By state, the subject and the text for each role; and the language's `words`."""
    return tomllib.loads(files(__package__).joinpath(f"letters.{locale}.toml").read_text(encoding="utf-8"))


def _one_line(text: str) -> str:
    """What somebody wrote, as part of a sentence: without line breaks and other characters that print nothing."""
    return " ".join("".join(character if character.isprintable() else " " for character in text).split())


def _price(cents: int, locale: str) -> str:
    amount = f"{cents / 100:,.2f}"
    return f"R$ {amount.translate(str.maketrans(',.', '.,')) if locale == 'pt-BR' else amount}"
