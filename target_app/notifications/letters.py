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

SENDER: Final = "Agenda <agenda@clinic.example>"
CLINIC_TIME: Final = ZoneInfo("America/Sao_Paulo")
_FORMATS: Final = {"pt-BR": "%d/%m/%Y às %H:%M", "en": "%Y-%m-%d at %H:%M"}


@dataclass(frozen=True)
class Letter:
    event: UUID
    recipient: str
    subject: str
    text: str

    def message(self) -> bytes:
        """As it goes over the wire. Its Message-ID is the same for every attempt, so a mailbox can tell doubles."""
        message = EmailMessage()
        message["From"] = SENDER
        message["To"] = self.recipient
        message["Subject"] = self.subject
        message["Message-ID"] = f"<{self.event}.{self.recipient.replace('@', '.')}@clinic.example>"
        message["X-Event-Id"] = str(self.event)
        message.set_content(self.text)
        return message.as_bytes()


def letters(event: Mapping[str, Any]) -> Iterator[Letter]:
    """One e-mail to the patient and one to the doctor, each in their language; `event` is a row of events.sql."""
    for role in ("patient", "doctor"):
        locale = event[f"{role}_locale"]
        text = _texts(locale)[event["state"]]
        values = {
            "patient": event["patient"],
            "doctor": event["doctor"],
            "when": _when(event["starts_at"], locale),
            "price": _price(event["price_cents"], locale),
            "reason": event["reason"] or "",
        }
        yield Letter(event["id"], event[f"{role}_email"], text["subject"].format(**values), text[role].format(**values))


@cache
def _texts(locale: str) -> dict[str, dict[str, str]]:
    return tomllib.loads(files(__package__).joinpath(f"letters.{locale}.toml").read_text(encoding="utf-8"))


def _when(at: datetime, locale: str) -> str:
    return at.astimezone(CLINIC_TIME).strftime(_FORMATS[locale])


def _price(cents: int, locale: str) -> str:
    amount = f"{cents / 100:,.2f}"
    return f"R$ {amount.translate(str.maketrans(',.', '.,')) if locale == 'pt-BR' else amount}"
