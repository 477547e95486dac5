"""What the client makes of answers, above all of bad ones."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack

import gevent
import orjson
import pytest
from gevent import monkey

from locustfiles import client as client_module
from locustfiles.client import BookingClient, Target, judge
from slotrush.swarm import Attempt, Recorder, Session, Verdict, now_us
from tests.locustfiles.scripted_server import CLOSE, HANG, ScriptedServer, json_answer

AGENDA = json_answer(200, b'{"total":2,"free":1,"slots":[{"id":"s1"}]}')
BOOKED = json_answer(201, b'{"id":"a1","slot_id":"s1","doctor_id":"d1","price_cents":15000,"state":"requested"}')
TAKEN = json_answer(409, b'{"type":"https://x/problems/slot-taken","status":409,"free":0}')
NO_TYPE = json_answer(422, b"<html>")
Step = bytes | Sequence[bytes]


class Notebook(Recorder):
    """A recorder whose notes the tests read."""

    def __init__(self) -> None:
        super().__init__("w", None)
        self.attempts: list[Attempt] = []

    def wrote(self, attempt: Attempt) -> None:
        self.attempts.append(attempt)
        super().wrote(attempt)

    def verdicts(self) -> tuple[int, int, int]:
        """(good, refused, bad)"""
        cells = self.take_cells()
        bad, refused = sum(cell.bad for cell in cells), sum(cell.refused for cell in cells)
        return sum(cell.count for cell in cells) - bad - refused, refused, bad


class Scene:
    """A client of a scripted server."""

    def __init__(self, server: ScriptedServer, timeout_s: float) -> None:
        self.server, self.notes = server, Notebook()
        target = Target(server.url, self.notes, connections=1, timeout_s=timeout_s)
        self.client = BookingClient(target, Session("p1", "cardiology", "token-of-p1"))


@pytest.fixture
def play(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Scene]]:
    assert not monkey.is_module_patched("socket")
    monkeypatch.setattr(client_module, "RETRY_AFTER_S", (0.0, 0.0, 0.0))
    with ExitStack() as stack:

        def play(*script: Step, timeout_s: float = 20.0) -> Scene:
            scene = Scene(stack.enter_context(ScriptedServer(script).serving()), timeout_s)
            stack.callback(scene.notes.close)
            return scene

        yield play


@pytest.mark.parametrize(
    "answer",
    [
        AGENDA,
        [AGENDA[:9], AGENDA[9:40], AGENDA[40:-5], AGENDA[-5:]],
        AGENDA.replace(b"HTTP/1.1", b"HTTP/1.0"),
        b"HTTP/1.1 100 Continue\r\n\r\n" + AGENDA,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        b'15\r\n{"total":2,"slots":[{\r\nb\r\n"id":"s1"}]\r\n1\r\n}\r\n0\r\n\r\n',
    ],
    ids=["whole", "in pieces", "old version", "after an interim answer", "chunked"],
)
def test_an_agenda_is_read_however_it_is_sent(play: Callable[..., Scene], answer: Step) -> None:
    scene = play(answer)

    agenda = scene.client.agenda("d1", now_us())

    assert agenda is not None
    assert (agenda.total, agenda.free) == (2, ["s1"])
    assert scene.notes.verdicts() == (1, 0, 0)


def test_requests_carry_what_the_contract_asks_for_on_one_connection(play: Callable[..., Scene]) -> None:
    scene = play(AGENDA, json_answer(200, b'{"doctors":[{},{}]}'), BOOKED, json_answer(201, b'{"created":1}'))
    scene.client.agenda("d1", now_us())
    found = scene.client.search("internal medicine", now_us())
    scene.client.request_appointment("s1", "key-1", now_us())
    scene.client.publish([{"starts_at": "2026-12-01T12:00:00Z", "minutes": 30}], "key-2", now_us())

    agenda, search, booking, publication = scene.server.requests
    assert (found, scene.server.connections, scene.notes.open_sockets) == (2, 1, 1)
    assert agenda.startswith(b"GET /v1/doctors/d1/agenda HTTP/1.1\r\nHost: 127.0.0.1:")
    assert search.startswith(b"GET /v1/doctors?specialty=internal%20medicine&limit=20 HTTP/1.1\r\n")
    assert booking.startswith(b"POST /v1/appointments HTTP/1.1\r\n")
    assert all(b"\r\nAuthorization: Bearer token-of-p1\r\n" in request for request in scene.server.requests)
    assert b"\r\nIdempotency-Key: key-1\r\n" in booking
    assert booking.endswith(b'\r\n\r\n{"slot_id":"s1"}')
    assert orjson.loads(publication.partition(b"\r\n\r\n")[2])["slots"][0]["minutes"] == 30


def test_a_booking_is_noted_with_what_was_promised(play: Callable[..., Scene]) -> None:
    scene = play(BOOKED)
    intended_us = now_us() - 5_000

    answer = scene.client.request_appointment("s1", "key-1", intended_us)

    (attempt,) = scene.notes.attempts
    assert answer.outcome == attempt.outcome == "acknowledged"
    assert attempt[:4] == ("key-1", "request", "p1", "s1")
    assert (attempt.appointment, attempt.doctor, attempt.price_cents) == ("a1", "d1", 15000)
    assert attempt.answered_us is not None
    assert intended_us < attempt.sent_us <= attempt.answered_us == answer.answered_us


def test_taken_is_a_good_answer_and_is_not_tried_again(play: Callable[..., Scene]) -> None:
    scene = play(TAKEN)

    answer = scene.client.request_appointment("s1", "key-1", now_us())

    assert (answer.outcome, answer.reason, answer.content["free"]) == ("refused", "slot-taken", 0)
    assert scene.notes.verdicts() == (1, 0, 0)
    assert len(scene.server.requests) == 1


@pytest.mark.parametrize(
    ("failure", "status", "reason"),
    [
        (CLOSE, 0, "broken-connection"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort", 0, "time-out"),
        (HANG, 0, "time-out"),
        (b"what?\r\n\r\n", 0, "bad-answer"),
        (json_answer(500, b"{}"), 500, "status-500"),
        (json_answer(503, b"{}"), 503, "status-503"),
        (json_answer(201, b'{"id":'), 201, "bad-answer"),
        (json_answer(201, b'{"id":"a1"}'), 201, "bad-answer"),
    ],
)
def test_an_unknown_outcome_is_tried_again_with_the_same_key(
    play: Callable[..., Scene], failure: bytes, status: int, reason: str
) -> None:
    scene = play(failure, BOOKED, timeout_s=0.3)

    answer = scene.client.request_appointment("s1", "key-1", now_us())

    first, second = scene.notes.attempts
    assert (first.outcome, first.status, first.reason, first.answered_us) == ("unknown", status, reason, None)
    assert (second.outcome, second.key, answer.outcome) == ("acknowledged", "key-1", "acknowledged")
    assert second.intended_us >= first.sent_us
    good, refused, bad = scene.notes.verdicts()
    assert (good, refused + bad, refused) == (1, 1, int(status == 503))


def test_an_outcome_that_is_never_learnt_stays_unknown(play: Callable[..., Scene]) -> None:
    scene = play(*[CLOSE] * 4)

    answer = scene.client.request_appointment("s1", "key-1", now_us())

    assert answer.outcome == "unknown"
    assert [(attempt.key, attempt.outcome) for attempt in scene.notes.attempts] == [("key-1", "unknown")] * 4
    assert scene.notes.verdicts() == (0, 0, 4)
    assert scene.notes.open_sockets == 0


def test_shed_load_is_refused_and_tried_again(play: Callable[..., Scene]) -> None:
    scene = play(json_answer(429, b'{"type":"/problems/too-many"}'), BOOKED)

    scene.client.request_appointment("s1", "key-1", now_us())

    assert [(a.outcome, a.reason) for a in scene.notes.attempts] == [("refused", "too-many"), ("acknowledged", "")]
    assert scene.notes.verdicts() == (1, 1, 0)


def test_an_unexpected_refusal_is_bad_and_final(play: Callable[..., Scene]) -> None:
    scene = play(NO_TYPE)

    answer = scene.client.request_appointment("s1", "key-1", now_us())

    assert (answer.outcome, answer.reason) == ("refused", "status-422")
    assert scene.notes.verdicts() == (0, 0, 1)


@pytest.mark.parametrize(
    "answer", [CLOSE, json_answer(401, b"{}"), json_answer(200, b"[]"), json_answer(200, b'{"total":1}')]
)
def test_an_agenda_that_cannot_be_used_is_bad(play: Callable[..., Scene], answer: bytes) -> None:
    scene = play(answer, AGENDA)

    assert scene.client.agenda("d1", now_us()) is None
    assert scene.notes.verdicts() == (0, 0, 1)
    assert scene.client.agenda("d1", now_us()) is not None


def test_a_connection_is_opened_anew_when_the_server_asks_to_close_it(play: Callable[..., Scene]) -> None:
    scene = play(json_answer(200, b'{"total":1,"slots":[]}', b"Connection: close\r\n"), AGENDA)

    assert scene.client.agenda("d1", now_us()) is not None
    assert scene.notes.open_sockets == 0
    assert scene.client.agenda("d1", now_us()) is not None
    assert scene.server.connections == 2


def test_a_write_under_way_when_the_swarm_stops_is_unknown(play: Callable[..., Scene]) -> None:
    scene = play(HANG)
    patient = gevent.spawn(scene.client.request_appointment, "s1", "key-1", now_us())
    while not scene.server.requests:
        gevent.sleep(0.01)

    patient.kill()

    assert [(a.outcome, a.reason, a.answered_us) for a in scene.notes.attempts] == [("unknown", "interrupted", None)]
    assert scene.notes.open_sockets == 0


def test_a_server_that_is_not_there_is_a_broken_connection(free_port: int) -> None:
    notes = Notebook()
    client = BookingClient(Target(f"http://127.0.0.1:{free_port}", notes, connections=1), Session("p1", "", "t"))

    client.connect()

    assert client.agenda("d1", now_us()) is None
    assert notes.verdicts() == (0, 0, 1)
    notes.close()


@pytest.mark.parametrize(
    ("status", "body", "verdict", "outcome", "reason"),
    [
        (201, b'{"created":5}', Verdict.GOOD, "acknowledged", ""),
        (204, b"", Verdict.BAD, "unknown", "bad-answer"),
        (302, b"", Verdict.BAD, "unknown", "bad-answer"),
        (409, b'{"type":"/problems/overlap"}', Verdict.BAD, "refused", "overlap"),
        (409, b'{"type":5}', Verdict.BAD, "refused", "status-409"),
        (429, b"", Verdict.REFUSED, "refused", "status-429"),
        (502, b"", Verdict.BAD, "unknown", "status-502"),
        (0, b"", Verdict.BAD, "unknown", "time-out"),
    ],
)
def test_judging_a_publication(status: int, body: bytes, verdict: Verdict, outcome: str, reason: str) -> None:
    assert judge(status, body, "publish", "time-out" if status == 0 else "")[:3] == (verdict, outcome, reason)
