"""Asks the real system over HTTP and notes every write in a ledger, as a swarm does."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import uuid4

import httpx

from slotrush.swarm import Action, Attempt, Outcome, Recorder, now_us
from tests.e2e.booking_model import Appointment, Slot

AT_ONCE_MAX: Final = 4
IMPATIENT_S: Final = 0.002
"""A client who waits only so long for an answer rarely hears it."""


@dataclass(frozen=True)
class Person:
    id: str
    token: str


@dataclass(frozen=True)
class Write:
    """`action` is None for what the ledger does not know: waiting lists. The other fields are the ledger's."""

    action: Action | None
    by: Person
    method: str
    path: str
    subject: str
    body: Mapping[str, Any] | None = None
    moves: str | None = None
    key: str = field(default_factory=lambda: str(uuid4()))


@dataclass(frozen=True)
class Answer:
    outcome: Outcome
    status: int
    reason: str
    content: dict[str, Any]
    replayed: bool = False


class Desk:
    def __init__(self, base_url: str, recorder: Recorder) -> None:
        self._http = httpx.Client(base_url=base_url, timeout=30)
        self._threads = ThreadPoolExecutor(AT_ONCE_MAX)
        self._recorder = recorder

    def close(self) -> None:
        self._threads.shutdown()
        self._http.close()
        self._recorder.close()

    def read(self, who: Person, path: str, **query: Any) -> dict[str, Any]:
        answer = self._http.get(path, params=query, headers={"Authorization": f"Bearer {who.token}"})
        assert answer.status_code == 200, (path, answer.text)
        content: dict[str, Any] = answer.json()
        return content

    def read_price(self, doctor: Person) -> int:
        return int(self.read(doctor, f"/v1/doctors/{doctor.id}/agenda")["price_cents"])

    def read_agenda(self, who: Person, doctor: Person) -> list[str]:
        """The doctor's free slots, in order of time."""
        return [slot["id"] for slot in self.read(who, f"/v1/doctors/{doctor.id}/agenda")["slots"]]

    def read_appointments(self, patient: Person) -> dict[str, Appointment]:
        content = self.read(patient, "/v1/appointments", limit=200)
        return {one["id"]: Appointment.read(one) for one in reversed(content["appointments"])}

    def read_slots(self, doctor: Person) -> dict[str, tuple[Slot, str, str | None]]:
        """The doctor's slots, each with its state and the appointment that holds it."""
        content = self.read(doctor, f"/v1/doctors/{doctor.id}/slots", limit=200)
        return {
            one["id"]: (
                Slot(one["id"], doctor.id, datetime.fromisoformat(one["starts_at"]), one["minutes"]),
                one["state"],
                one["appointment_id"],
            )
            for one in content["slots"]
        }

    def read_places(self, patient: Person) -> dict[str, int]:
        """The patient's position in each doctor's waiting list."""
        places = self.read(patient, "/v1/waiting-list")["places"]
        return {place["doctor_id"]: place["position"] for place in places}

    def write(self, write: Write, timeout_s: float = 30) -> Answer:
        """Send it once. Only a time-out and a broken connection leave the outcome unknown; a 5xx is a fault."""
        headers = {"Authorization": f"Bearer {write.by.token}", "Idempotency-Key": write.key}
        sent_us = now_us()
        try:
            got = self._http.request(write.method, write.path, json=write.body, headers=headers, timeout=timeout_s)
        except httpx.TransportError:
            self._note(write, sent_us, None, Answer("unknown", 0, "no-answer", {}))
            return Answer("unknown", 0, "no-answer", {})
        assert got.status_code < 500 or got.status_code == 503, (write, got.text)
        content = got.json() if got.content else {}
        replayed = got.headers.get("idempotency-replayed") == "true"
        if got.status_code < 300:
            answer = Answer("acknowledged", got.status_code, "", content, replayed)
        else:
            answer = Answer("refused", got.status_code, content["type"].rpartition("/")[2], content, replayed)
        self._note(write, sent_us, now_us(), answer)
        return answer

    def write_at_once(self, writes: Sequence[Write]) -> list[Answer]:
        return list(self._threads.map(self.write, writes))

    def note(self, action: Action, actor: str, subject: str) -> None:
        """An attempt whose outcome nobody knows, made by other means."""
        now = now_us()
        self._recorder.wrote(Attempt(str(uuid4()), action, actor, subject, now, now, None, "unknown", 0))

    def _note(self, write: Write, sent_us: int, answered_us: int | None, answer: Answer) -> None:
        if write.action is None:
            return
        told = answer.content if answer.outcome == "acknowledged" else {}
        is_slot = write.action in ("edit_slot", "remove_slot")
        starts_us = _us(told["starts_at"]) if write.action == "edit_slot" and told else None
        self._recorder.wrote(
            Attempt(
                write.key,
                write.action,
                write.by.id,
                write.subject,
                sent_us,
                sent_us,
                answered_us,
                answer.outcome,
                answer.status,
                answer.reason,
                appointment=None if is_slot else told.get("id"),
                doctor=told.get("doctor_id"),
                price_cents=told.get("price_cents"),
                created=told.get("created"),
                moves=write.moves,
                starts_us=starts_us,
                ends_us=None if starts_us is None else starts_us + told["minutes"] * 60_000_000,
            )
        )


def _us(time: str) -> int:
    return round(datetime.fromisoformat(time).timestamp() * 1e6)
