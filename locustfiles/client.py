"""The one client of all scenarios: what a person asks of the booking system, recorded as it is asked.

Response time counts from when a person meant to ask, service time from the sending. A write whose outcome is not
known (time-out, broken connection, 5xx) is sent again with the same key, a bounded number of times.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Final, NamedTuple, TypeVar
from urllib.parse import quote

import gevent
import orjson
from gevent import GreenletExit
from locust import FastHttpUser, User
from locust.env import Environment

from locustfiles.wire import Broken, Connection, Host
from slotrush.swarm import Action, Attempt, Endpoint, Outcome, Recorder, Session, Verdict, now_us

Read = TypeVar("Read")
TIMEOUT_S: Final = 60.0
RETRY_AFTER_S: Final = (0.2, 0.5, 1.0)
SHED: Final = (429, 503)
_NOTHING: Final[Mapping[str, Any]] = {}
_PROMISED: Final[Mapping[Action, tuple[str, ...]]] = {
    "publish": ("created",),
    "request": ("id", "doctor_id", "price_cents"),
    "cancel": ("id",),
    "accept": ("id",),
    "decline": ("id",),
}


class Agenda(NamedTuple):
    """What a doctor still has: `total` slots published, the `free` ones, and when that was known."""

    total: int
    free: list[str]
    answered_us: int


class Answer(NamedTuple):
    """What came of a write; `reason` is the problem's, `content` the body of an answer that could be read."""

    outcome: Outcome
    status: int
    reason: str
    content: dict[str, Any]
    answered_us: int


class Target:
    """One booking system, as all users of a process see it."""

    def __init__(self, base_url: str, recorder: Recorder, connections: int, timeout_s: float = TIMEOUT_S) -> None:
        self.host = Host(base_url, recorder, timeout_s, connections)
        self.recorder = recorder
        self.doctors = recorder.endpoint("GET /v1/doctors")
        self.agenda = recorder.endpoint("GET /v1/doctors/{id}/agenda")
        self.publish = recorder.endpoint("POST /v1/slots")
        self.request = recorder.endpoint("POST /v1/appointments")


class BookingClient:
    """One signed-in person on one keep-alive connection."""

    __slots__ = ("_connection", "_head", "_person", "_target")

    def __init__(self, target: Target, session: Session) -> None:
        self._target = target
        self._person = session.id
        self._connection = Connection(target.host)
        self._head = b" HTTP/1.1\r\n%bAuthorization: Bearer %b\r\n" % (target.host.head, session.token.encode())

    def connect(self) -> None:
        """Open the connection ahead of time; if that fails, the first request tries again."""
        with suppress(Broken):
            self._connection.open()

    def search(self, specialty: str, intended_us: int) -> int | None:
        """Look for doctors of a specialty; how many there were, None when there was no usable answer."""
        path = f"/v1/doctors?specialty={quote(specialty)}&limit=20"
        return self._read(self._target.doctors, path, intended_us, _doctors)

    def agenda(self, doctor: str, intended_us: int) -> Agenda | None:
        """Read a doctor's agenda; None when there was no usable answer."""
        return self._read(self._target.agenda, f"/v1/doctors/{doctor}/agenda", intended_us, _agenda)

    def request_appointment(self, slot: str, key: str, intended_us: int) -> Answer:
        """Go for a slot."""
        path, body = "/v1/appointments", b'{"slot_id":"%b"}' % slot.encode()
        return self._write(self._target.request, path, "request", slot, body, key, intended_us)

    def publish(self, slots: list[dict[str, str | int]], key: str, intended_us: int) -> Answer:
        """Publish slots of one's own, each with `starts_at` and `minutes`."""
        path, body = "/v1/slots", orjson.dumps({"slots": slots})
        return self._write(self._target.publish, path, "publish", self._person, body, key, intended_us)

    def _read(self, endpoint: Endpoint, path: str, intended_us: int, parse: Callable[[Any, int], Read]) -> Read | None:
        request = b"GET %b%b%b\r\n" % (self._target.host.path, path.encode(), self._head)
        sent_us = now_us()
        try:
            status, body = self._connection.exchange(request, sent_us / 1e6)
        except Broken:
            status, body = 0, b""
        answered_us = now_us()
        read, verdict = None, _verdict(status)
        if verdict is Verdict.GOOD:
            try:
                read = parse(orjson.loads(body), answered_us)
            except (ValueError, KeyError, TypeError):
                verdict = Verdict.BAD
        endpoint.answered(intended_us, sent_us, answered_us, verdict)
        return read

    def _write(
        self, endpoint: Endpoint, path: str, action: Action, subject: str, body: bytes, key: str, intended_us: int
    ) -> Answer:
        request = (
            b"POST %b%b%bContent-Type: application/json\r\nIdempotency-Key: %b\r\nContent-Length: %d\r\n\r\n%b"
            % (self._target.host.path, path.encode(), self._head, key.encode(), len(body), body)
        )
        answer = self._send(endpoint, request, action, subject, key, intended_us)
        for pause_s in RETRY_AFTER_S:
            if answer.outcome != "unknown" and answer.status not in SHED:
                break
            gevent.sleep(pause_s)
            intended_us = answer.answered_us + int(pause_s * 1e6)
            answer = self._send(endpoint, request, action, subject, key, intended_us)
        return answer

    def _send(
        self, endpoint: Endpoint, request: bytes, action: Action, subject: str, key: str, intended_us: int
    ) -> Answer:
        sent_us = now_us()
        reason = ""
        try:
            status, body = self._connection.exchange(request, sent_us / 1e6)
        except Broken as broken:
            status, body, reason = 0, b"", broken.reason
        except GreenletExit:
            unsettled = Attempt(
                key, action, self._person, subject, intended_us, sent_us, None, "unknown", 0, "interrupted"
            )
            self._target.recorder.wrote(unsettled)
            raise
        answered_us = now_us()
        verdict, outcome, reason, content = judge(status, body, action, reason)
        endpoint.answered(intended_us, sent_us, answered_us, verdict)
        won = content if outcome == "acknowledged" else _NOTHING
        self._target.recorder.wrote(
            Attempt(
                key,
                action,
                self._person,
                subject,
                intended_us,
                sent_us,
                None if outcome == "unknown" else answered_us,
                outcome,
                status,
                reason,
                won.get("id"),
                won.get("doctor_id"),
                won.get("price_cents"),
                won.get("created"),
            )
        )
        return Answer(outcome, status, reason, content, answered_us)


class BookingUser(FastHttpUser):
    """A Locust user with the client above in place of `FastHttpSession`, which costs several times as much."""

    abstract = True

    def __init__(self, environment: Environment) -> None:
        User.__init__(self, environment)


def judge(status: int, body: bytes, action: Action, failure: str = "") -> tuple[Verdict, Outcome, str, dict[str, Any]]:
    """What an answer to a write means: for availability, for the ledger, the reason, and its content.

    `status` 0 is no answer, for the reason `failure`. An answer that cannot be read settles nothing: 'unknown'.
    A conflict is an answer as promised, except to a publication: no two of a scenario's are in each other's way.
    """
    verdict = Verdict.BAD if status == 409 and action == "publish" else _verdict(status)
    if status == 0 or status >= 500:
        return verdict, "unknown", failure or f"status-{status}", {}
    try:
        content = orjson.loads(body)
        if status < 300:
            for name in _PROMISED[action]:
                content[name]
            return Verdict.GOOD, "acknowledged", "", content
        return verdict, "refused", content["type"].rpartition("/")[2], content
    except (ValueError, KeyError, TypeError, AttributeError):
        if status < 400:
            return Verdict.BAD, "unknown", "bad-answer", {}
        return verdict, "refused", f"status-{status}", {}


def _verdict(status: int) -> Verdict:
    if 200 <= status < 300 or status == 409:
        return Verdict.GOOD
    return Verdict.REFUSED if status in SHED else Verdict.BAD


def _doctors(content: Any, _answered_us: int) -> int:
    return len(content["doctors"])


def _agenda(content: Any, answered_us: int) -> Agenda:
    return Agenda(content["total"], [slot["id"] for slot in content["slots"]], answered_us)
