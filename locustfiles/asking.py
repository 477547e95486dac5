"""How a request is sent, waited for, judged and recorded, whatever it asks.

Response time counts from when a person meant to ask, service time from the sending. A write whose outcome is not
known (time-out, broken connection, 5xx) is sent again with the same key, a bounded number of times and within the
budget for retries. Who is told by Retry-After when to come back does not come sooner.
"""

import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, Final, NamedTuple, TypeVar
from urllib.parse import urlsplit
from uuid import uuid4

import gevent
from gevent import GreenletExit

from locustfiles.answers import Promise, Upload
from locustfiles.api import Call
from locustfiles.judging import UNREADABLE, judge, verdict_of
from locustfiles.target import Route, Target
from locustfiles.wire import Broken, Connection
from slotrush.swarm import Action, Attempt, Outcome, Session, Verdict, now_us
from slotrush.swarm.arrivals import Purpose, uniform

Read = TypeVar("Read")
RETRY_AFTER_S: Final = (0.2, 0.5, 1.0)
"""Of each retry, unless the answer asks for more."""
LATER_BY: Final = 1.0
"""Everybody comes back later than that by a share of their own, at most this one: those who were turned away together
and came back together would be turned away together again (Brooker, "Exponential Backoff and Jitter", 2015)."""
PATIENCE_S: Final = 30.0
"""Nobody waits longer than this for a retry, whatever Retry-After says: as long as the last answers of a swarm are
waited for."""
UPLOAD: Final = "PUT object store"
"""The endpoint of the second step of an upload, wherever the store is."""


class Answer(NamedTuple):
    """What came of a write. `reason`: why it was refused, or is unknown; `promise`: what an acknowledgement said;
    `free`: how many slots the doctor has left, where a refusal says so."""

    outcome: Outcome
    status: int
    reason: str
    promise: Promise
    free: int | None
    answered_us: int


def random_keys() -> Iterator[str]:
    """Idempotency keys for who does not care which."""
    while True:
        yield str(uuid4())


_RANDOM_KEYS: Final = random_keys()


class Asker:
    """One signed-in person on one keep-alive connection.

    `due_us` is when the next request is meant to be sent, in Unix epoch µs: response time counts from then. Each
    request leaves it at the time of its answer, and `pause` moves it on. Once the swarm is stopping, asking anything
    more ends the greenlet.
    """

    __slots__ = ("_api", "_connection", "_head", "_keys", "_person", "_target", "due_us")

    def __init__(self, target: Target, session: Session, keys: Iterator[str] = _RANDOM_KEYS) -> None:
        """`keys`: an idempotency key for each write to come."""
        self._target, self._api = target, target.api
        self._connection = Connection(target.host, session.id)
        self._keys = keys
        self._sign_in(session)
        self.due_us = now_us()

    def connect(self) -> None:
        """Open the connection ahead of time; if that fails, the first request tries again."""
        with suppress(Broken):
            self._connection.open()

    def pause(self, seconds: float) -> None:
        """Mean to ask so much later, or not before the last answer asked to if that is longer, and wait until then,
        unless it is past already."""
        told_s = self._connection.retry_after_s
        if told_s > seconds:
            seconds = min(self._later(told_s), PATIENCE_S)
        self.due_us += int(seconds * 1e6)
        ahead_us = self.due_us - now_us()
        if ahead_us > 0:
            gevent.sleep(ahead_us / 1e6)

    def _later(self, seconds: float, turn: int = 0) -> float:
        """So much later, and this person's share of LATER_BY more."""
        return seconds * (1 + LATER_BY * uniform(zlib.crc32(self._person.encode()), Purpose.RETRY, turn))

    def _sign_in(self, session: Session) -> None:
        self._person, self._head = session.id, self._target.head_of(session)

    def _read(self, operation: str, call: Call, read: Callable[[Any], Read], subject: str = "") -> Read | None:
        target = self._target
        route = target.routes.get(operation) or target.add_route(operation, call, subject)
        if call.body is None:
            request = b"%b%b%b\r\n" % (route.start, call.path.encode(), self._head)
        else:
            request = target.with_body(route, call, self._head)
        if target.recorder.stopping:
            raise GreenletExit
        sent_us = now_us()
        try:
            status, body = self._connection.exchange(request, sent_us / 1e6)
        except Broken:
            status, body = 0, b""
        answered_us = now_us()
        found, verdict = None, Verdict.GOOD
        if 200 <= status < 300:
            try:
                found = read(self._api.decode(body))
            except UNREADABLE:
                verdict = Verdict.BAD
        else:
            verdict = verdict_of(self._api, status)
        route.endpoint.answered(self.due_us, sent_us, answered_us, verdict)
        self.due_us = answered_us
        return found

    def _write(
        self,
        operation: str,
        call: Call,
        read: Callable[[Any], Promise] | None,
        action: Action | None,
        subject: str,
        key: str | None,
        moves: str | None = None,
        doctor: str | None = None,
    ) -> Answer:
        """`action`: None for a write that the ledger does not keep. `moves`, `doctor`: as the ledger has them."""
        key = key or next(self._keys)
        target = self._target
        route = target.routes.get(operation) or target.add_route(operation, call, moves or subject)
        request = target.with_body(route, call, self._head, key)
        target.retries.deposit()
        answer = self._send(route, request, read, action, subject, key, moves, doctor)
        if answer.outcome != "unknown" and answer.status not in self._api.shed_statuses:
            return answer
        return self._again(
            answer,
            lambda: self._send(route, request, read, action, subject, key, moves, doctor),
            safe=bool(self._api.key_header),
        )

    def _send(
        self,
        route: Route,
        request: bytes,
        read: Callable[[Any], Promise] | None,
        action: Action | None,
        subject: str,
        key: str,
        moves: str | None,
        doctor: str | None,
    ) -> Answer:
        """One sending of a write, with its row in the ledger."""
        recorder = self._target.recorder
        if recorder.stopping:
            raise GreenletExit
        due_us, sent_us, failure = self.due_us, now_us(), ""
        try:
            status, body = self._connection.exchange(request, sent_us / 1e6)
        except Broken as broken:
            status, body, failure = 0, b"", broken.reason
        except GreenletExit:
            if action is not None:
                unsettled = Attempt(
                    key, action, self._person, subject, due_us, sent_us, None, "unknown", 0, "interrupted"
                )
                recorder.wrote(unsettled._replace(moves=moves, doctor=doctor))
            raise
        answered_us = now_us()
        verdict, outcome, reason, promise, free = judge(self._api, action, read, status, body, failure)
        route.endpoint.answered(due_us, sent_us, answered_us, verdict)
        if action is not None:
            appointment, told_doctor, price_cents, created, starts_us, ends_us, _, _ = promise
            recorder.wrote(
                Attempt(
                    key,
                    action,
                    self._person,
                    subject,
                    due_us,
                    sent_us,
                    None if outcome == "unknown" else answered_us,
                    outcome,
                    status,
                    reason,
                    appointment,
                    told_doctor or doctor,
                    price_cents,
                    created,
                    moves,
                    starts_us,
                    ends_us,
                )
            )
        self.due_us = answered_us
        return Answer(outcome, status, reason, promise, free, answered_us)

    def _again(self, answer: Answer, send: Callable[[], Answer], safe: bool) -> Answer:
        """Send once more, a few times and within PATIENCE_S and the budget, while the outcome is unknown or the load
        was shed.

        `safe`: sent twice it is done once, so that an unknown outcome may be tried again.
        """
        patient_until_us = self.due_us + int(PATIENCE_S * 1e6)
        for turn, pause_s in enumerate(RETRY_AFTER_S):
            if not (safe if answer.outcome == "unknown" else answer.status in self._api.shed_statuses):
                break
            later_s = self._later(max(pause_s, self._connection.retry_after_s), turn)
            if self.due_us + later_s * 1e6 > patient_until_us or not self._target.retries.withdraw():
                break
            self.pause(later_s)
            answer = send()
        return answer

    def _put(self, upload: Upload, content: bytes) -> Answer:
        """Send a file to the object store, over a connection of its own that is closed afterwards."""
        if self._target.recorder.stopping:
            raise GreenletExit
        store, url = self._target.store(upload.url), urlsplit(upload.url)
        headers = "".join(f"{name}: {value}\r\n" for name, value in upload.headers.items()).encode()
        path = f"{url.path}?{url.query}".encode()
        request = b"PUT %b HTTP/1.1\r\n%b%bContent-Length: %d\r\n\r\n%b" % (
            path,
            store.head,
            headers,
            len(content),
            content,
        )
        connection, sent_us, failure = Connection(store, self._person), now_us(), ""
        try:
            status, body = connection.exchange(request, sent_us / 1e6)
        except Broken as broken:
            status, body, failure = 0, b"", broken.reason
        finally:
            connection.close()
        self._connection.retry_after_s = connection.retry_after_s
        answered_us = now_us()
        verdict, outcome, reason, promise, free = judge(self._api, None, None, status, body, failure)
        self._target.recorder.endpoint(UPLOAD).answered(self.due_us, sent_us, answered_us, verdict)
        self.due_us = answered_us
        return Answer(outcome, status, reason, promise, free, answered_us)
