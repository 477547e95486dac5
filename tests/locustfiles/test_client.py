"""What the client makes of answers, above all of bad ones."""

import base64
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack

import gevent
import orjson
import pytest
from gevent import monkey

from locustfiles import asking, wire
from locustfiles.api import BookingApi
from locustfiles.budget import REQUESTS_PER_RETRY, RESERVE
from locustfiles.client import BookingClient
from locustfiles.target import Target
from locustfiles.wire import seconds_of
from slotrush.swarm import BadInputError, Session, now_us
from tests.locustfiles.notebook import Notebook
from tests.locustfiles.scripted_server import CLOSE, HANG, ScriptedServer, json_answer

AGENDA = json_answer(200, b'{"total":2,"free":1,"slots":[{"id":"s1"}]}')
BOOKED = json_answer(201, b'{"id":"a1","slot_id":"s1","doctor_id":"d1","price_cents":15000,"state":"requested"}')
TAKEN = json_answer(409, b'{"type":"https://x/problems/slot-taken","status":409,"free":0}')
DOCTORS = json_answer(200, b'{"doctors":[{"id":"d1","name":"A","price_cents":9}],"next":null}')
NO_TYPE = json_answer(422, b"<html>")
Step = bytes | Sequence[bytes]


class Scene:
    """A client of a scripted server."""

    def __init__(self, server: ScriptedServer, timeout_s: float, api: BookingApi) -> None:
        self.server, self.notes = server, Notebook()
        self.target = Target(server.url, self.notes, timeout_s=timeout_s, api=api)
        self.client = BookingClient(self.target, Session("p1", "cardiology", "token-of-p1"))


@pytest.fixture
def play(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Scene]]:
    assert not monkey.is_module_patched("socket")
    monkeypatch.setattr(asking, "RETRY_AFTER_S", (0.0, 0.0, 0.0))
    with ExitStack() as stack:

        def play(*script: Step, timeout_s: float = 20.0, api: BookingApi | None = None) -> Scene:
            server = stack.enter_context(ScriptedServer(script).serving())
            scene = Scene(server, timeout_s, api or BookingApi())
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
        b"HTTP/1.1 103 Early Hints\r\nContent-Length: 0\r\n\r\n" + AGENDA,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        b'15\r\n{"total":2,"slots":[{\r\nb\r\n"id":"s1"}]\r\n1\r\n}\r\n0\r\n\r\n',
    ],
    ids=["whole", "in pieces", "old version", "after an interim answer", "after one with a length", "chunked"],
)
def test_an_agenda_is_read_however_it_is_sent(play: Callable[..., Scene], answer: Step) -> None:
    scene = play(answer)

    agenda = scene.client.agenda("d1")

    assert agenda is not None
    assert (agenda.total, agenda.free) == (2, ["s1"])
    assert scene.notes.verdicts() == (1, 0, 0)


def test_requests_carry_what_the_contract_asks_for_on_one_connection(play: Callable[..., Scene]) -> None:
    scene = play(AGENDA, DOCTORS, BOOKED, json_answer(201, b'{"created":1,"slots":[{"id":"s9"}]}'))
    scene.client.agenda("d1")
    found = scene.client.search("internal medicine")
    scene.client.request_appointment("s1", "key-1")
    published = scene.client.publish([{"starts_at": "2026-12-01T12:00:00Z", "minutes": 30}], "key-2")

    agenda, search, booking, publication = scene.server.requests
    assert (found, scene.server.connections, scene.notes.open_sockets) == ([("d1", 9)], 1, 1)
    assert (published.promise.created, published.promise.slots) == (1, ("s9",))
    assert agenda.startswith(b"GET /v1/doctors/d1/agenda HTTP/1.1\r\nHost: 127.0.0.1:")
    assert search.startswith(b"GET /v1/doctors?specialty=internal%20medicine&limit=20 HTTP/1.1\r\n")
    assert booking.startswith(b"POST /v1/appointments HTTP/1.1\r\n")
    assert all(b"\r\nAuthorization: Bearer token-of-p1\r\n" in request for request in scene.server.requests)
    assert b"\r\nIdempotency-Key: key-1\r\n" in booking
    assert booking.endswith(b'\r\n\r\n{"slot_id":"s1"}')
    assert orjson.loads(publication.partition(b"\r\n\r\n")[2])["slots"][0]["minutes"] == 30


def test_a_booking_is_noted_with_what_was_promised(play: Callable[..., Scene]) -> None:
    scene = play(BOOKED)
    scene.client.due_us = due_us = now_us() - 5_000

    answer = scene.client.request_appointment("s1", "key-1")

    (attempt,) = scene.notes.attempts
    assert answer.outcome == attempt.outcome == "acknowledged"
    assert attempt[:4] == ("key-1", "request", "p1", "s1")
    assert (attempt.appointment, attempt.doctor, attempt.price_cents) == ("a1", "d1", 15000)
    assert attempt.answered_us is not None
    assert attempt.intended_us == due_us < attempt.sent_us <= attempt.answered_us == answer.answered_us
    assert scene.client.due_us == answer.answered_us


def test_taken_is_a_good_answer_and_is_not_tried_again(play: Callable[..., Scene]) -> None:
    scene = play(TAKEN)

    answer = scene.client.request_appointment("s1", "key-1")

    assert (answer.outcome, answer.reason, answer.free) == ("refused", "slot-taken", 0)
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
    scene = play(failure, BOOKED, timeout_s=2.0 if reason == "time-out" else 20.0)

    answer = scene.client.request_appointment("s1", "key-1")

    first, second = scene.notes.attempts
    assert (first.outcome, first.status, first.reason, first.answered_us) == ("unknown", status, reason, None)
    assert (second.outcome, second.key, answer.outcome) == ("acknowledged", "key-1", "acknowledged")
    assert second.intended_us >= first.sent_us
    good, refused, bad = scene.notes.verdicts()
    assert (good, refused + bad, refused) == (1, 1, int(status == 503))


def test_an_outcome_that_is_never_learnt_stays_unknown(play: Callable[..., Scene]) -> None:
    scene = play(*[CLOSE] * 4)

    answer = scene.client.request_appointment("s1", "key-1")

    assert answer.outcome == "unknown"
    assert [(attempt.key, attempt.outcome) for attempt in scene.notes.attempts] == [("key-1", "unknown")] * 4
    assert scene.notes.verdicts() == (0, 0, 4)
    assert scene.notes.open_sockets == 0


def test_shed_load_is_refused_and_tried_again(play: Callable[..., Scene]) -> None:
    scene = play(json_answer(429, b'{"type":"/problems/too-many"}'), BOOKED)

    scene.client.request_appointment("s1", "key-1")

    assert [(a.outcome, a.reason) for a in scene.notes.attempts] == [("refused", "too-many"), ("acknowledged", "")]
    assert scene.notes.verdicts() == (1, 1, 0)


def test_an_unexpected_refusal_is_bad_and_final(play: Callable[..., Scene]) -> None:
    scene = play(NO_TYPE)

    answer = scene.client.request_appointment("s1", "key-1")

    assert (answer.outcome, answer.reason) == ("refused", "status-422")
    assert scene.notes.verdicts() == (0, 0, 1)


@pytest.mark.parametrize(
    "answer", [CLOSE, json_answer(401, b"{}"), json_answer(200, b"[]"), json_answer(200, b'{"total":1}')]
)
def test_an_agenda_that_cannot_be_used_is_bad(play: Callable[..., Scene], answer: bytes) -> None:
    scene = play(answer, AGENDA)

    assert scene.client.agenda("d1") is None
    assert scene.notes.verdicts() == (0, 0, 1)
    assert scene.client.agenda("d1") is not None


def test_a_connection_is_opened_anew_when_the_server_asks_to_close_it(play: Callable[..., Scene]) -> None:
    scene = play(json_answer(200, b'{"total":1,"slots":[]}', b"Connection: close\r\n"), AGENDA)

    assert scene.client.agenda("d1") is not None
    assert scene.notes.open_sockets == 0
    assert scene.client.agenda("d1") is not None
    assert scene.server.connections == 2


def test_a_connection_that_was_closed_while_nothing_was_asked_is_opened_anew(
    play: Callable[..., Scene], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when a proxy has been restarted: nothing has failed, as nothing was asked of it meanwhile."""
    monkeypatch.setattr(wire, "IDLE_S", 0.0)
    scene = play([BOOKED, CLOSE], BOOKED)
    scene.client.request_appointment("s1", "key-1")
    with gevent.Timeout(20):
        while not scene.server.closed:
            gevent.sleep(0.01)

    scene.client.request_appointment("s1", "key-2")

    assert (scene.server.connections, len(scene.server.requests)) == (2, 2)
    assert scene.notes.verdicts() == (2, 0, 0)


def test_a_write_under_way_when_the_swarm_stops_is_unknown(play: Callable[..., Scene]) -> None:
    scene = play(HANG)
    patient = gevent.spawn(scene.client.request_appointment, "s1", "key-1")
    while not scene.server.requests:
        gevent.sleep(0.01)

    patient.kill()

    assert [(a.outcome, a.reason, a.answered_us) for a in scene.notes.attempts] == [("unknown", "interrupted", None)]
    assert scene.notes.open_sockets == 0


@pytest.mark.parametrize("empty", [b"HTTP/1.1 204 No Content\r\n\r\n", json_answer(204, b"")])
def test_an_answer_without_content_acknowledges_what_promises_nothing(play: Callable[..., Scene], empty: bytes) -> None:
    scene = play(empty, AGENDA)

    answer = scene.client.remove_slot("s1", "key-1", doctor="d1")

    (attempt,) = scene.notes.attempts
    assert (answer.outcome, answer.status, attempt.outcome) == ("acknowledged", 204, "acknowledged")
    assert (attempt.action, attempt.subject, attempt.doctor) == ("remove_slot", "s1", "d1")
    assert scene.client.agenda("d1") is not None
    assert scene.server.connections == 1


def test_retries_cannot_make_a_storm(play: Callable[..., Scene]) -> None:
    shed, writes = json_answer(503, b"{}"), 300
    scene = play(*[shed] * 4 * writes)

    for _ in range(writes):
        assert scene.client.request_appointment("s1").outcome == "unknown"

    retries = len(scene.server.requests) - writes
    assert RESERVE <= retries <= RESERVE + writes // REQUESTS_PER_RETRY


def test_a_write_that_the_ledger_does_not_keep_is_tried_again_all_the_same(play: Callable[..., Scene]) -> None:
    scene = play(CLOSE, json_answer(200, b'{"position":1}'))

    answer = scene.client.join_waiting_list("d1", "key-1")

    assert answer.outcome == "acknowledged"
    assert [b"\r\nIdempotency-Key: key-1\r\n" in request for request in scene.server.requests] == [True, True]
    assert scene.notes.attempts == []


def test_each_write_takes_the_next_key_and_its_retries_repeat_it(play: Callable[..., Scene]) -> None:
    scene = play(CLOSE, BOOKED, BOOKED)
    scene.client = BookingClient(scene.target, Session("p1", "", "t"), keys=iter(["first", "second"]))

    scene.client.request_appointment("s1")
    scene.client.cancel("a1", "ill")

    assert [attempt.key for attempt in scene.notes.attempts] == ["first", "first", "second"]


def test_a_request_counts_from_when_it_was_due_and_the_next_from_its_answer(play: Callable[..., Scene]) -> None:
    scene = play(AGENDA, AGENDA)
    scene.client.due_us = now_us() - 3_000_000

    scene.client.agenda("d1")
    scene.client.agenda("d1")

    times_us = [time_us for cell in scene.notes.take_cells() for time_us in cell.response_us]
    assert times_us[0] > 3_000_000 > times_us[1]


def test_a_pause_is_counted_from_the_answer_and_not_waited_for_twice(play: Callable[..., Scene]) -> None:
    scene = play()
    scene.client.due_us = began_us = now_us()

    scene.client.pause(0.05)
    waited_until_us = now_us()
    scene.client.due_us = began_us - 60_000_000
    scene.client.pause(59)

    assert waited_until_us >= began_us + 50_000
    assert scene.client.due_us == began_us - 1_000_000


def test_who_signs_in_asks_as_that_person_from_then_on(play: Callable[..., Scene]) -> None:
    payload = base64.urlsafe_b64encode(b'{"sub":"p2"}').rstrip(b"=")
    scene = play(json_answer(201, b'{"token":"e.%b.s"}' % payload), BOOKED)

    session = scene.client.log_in("maria@example.com", "secret")
    scene.client.request_appointment("s1", "key-1")

    login, booking = scene.server.requests
    assert session == Session("p2", "", f"e.{payload.decode()}.s")
    assert orjson.loads(login.partition(b"\r\n\r\n")[2]) == {"email": "maria@example.com", "password": "secret"}
    assert b"\r\nAuthorization: Bearer e.%b.s\r\n" % payload in booking
    assert scene.notes.attempts[0].actor == "p2"


@pytest.mark.parametrize(
    ("answer", "verdicts"),
    [(json_answer(401, b"{}"), (0, 0, 1)), (json_answer(429, b"{}"), (0, 1, 0)), (CLOSE, (0, 0, 1))],
    ids=["wrong password", "too many", "no answer"],
)
def test_a_login_that_fails_is_not_tried_again(
    play: Callable[..., Scene], answer: bytes, verdicts: tuple[int, int, int]
) -> None:
    scene = play(answer)

    assert scene.client.log_in("maria@example.com", "secret") is None
    assert scene.notes.verdicts() == verdicts


def test_requests_are_named_without_ids_and_filters(play: Callable[..., Scene]) -> None:
    scene = play(AGENDA, DOCTORS, BOOKED, BOOKED)

    scene.client.agenda("d1")
    scene.client.search(name="ana maria", after="x")
    scene.client.cancel("a1", "ill")
    scene.client.reschedule("a2", "s2")

    assert scene.notes.endpoints() == [
        "GET /v1/doctors",
        "GET /v1/doctors/{id}/agenda",
        "POST /v1/appointments/{id}/cancel",
        "POST /v1/appointments/{id}/reschedule",
    ]
    assert scene.server.requests[1].startswith(b"GET /v1/doctors?limit=20&name=ana+maria&after=x HTTP/1.1\r\n")


class WithoutKeys(BookingApi):
    key_header = ""


def test_without_idempotency_keys_only_shed_load_is_tried_again(play: Callable[..., Scene]) -> None:
    scene = play(json_answer(429, b"{}"), CLOSE, api=WithoutKeys())

    answer = scene.client.request_appointment("s1", "key-1")

    assert answer.outcome == "unknown"
    assert [attempt.outcome for attempt in scene.notes.attempts] == ["refused", "unknown"]
    assert not any(b"key-1" in request for request in scene.server.requests)


def test_a_file_goes_to_the_store_that_the_answer_names(play: Callable[..., Scene]) -> None:
    store = ScriptedServer([json_answer(503, b""), json_answer(200, b"")])
    announced = {"id": "r1", "upload_url": f"{store.url}/bucket/key?sig=1", "upload_headers": {"Content-Type": "x/y"}}
    scene = play(json_answer(201, orjson.dumps(announced)), json_answer(202, b'{"id":"r1"}'))

    with store.serving():
        answer = scene.client.upload_record("X-ray", "x/y", b"content")

    announcement, uploaded = scene.server.requests
    assert answer.outcome == "acknowledged"
    assert b'"size_bytes":7' in announcement
    assert uploaded.startswith(b"POST /v1/records/r1/uploaded HTTP/1.1\r\n")
    assert b"Content-Type: application/json" not in uploaded
    assert [request.partition(b"\r\n")[0] for request in store.requests] == [b"PUT /bucket/key?sig=1 HTTP/1.1"] * 2
    assert store.requests[0].endswith(b"Content-Type: x/y\r\nContent-Length: 7\r\n\r\ncontent")
    assert b"Authorization" not in store.requests[0]
    assert scene.notes.open_sockets == 1
    assert scene.notes.verdicts() == (3, 1, 0)


def test_a_store_that_nobody_allowed_gets_nothing(play: Callable[..., Scene]) -> None:
    announced = b'{"id":"r1","upload_url":"https://s3.example.com/b/k","upload_headers":{}}'
    scene = play(json_answer(201, announced))

    with pytest.raises(BadInputError, match=r"https://s3\.example\.com is not on this machine"):
        scene.client.upload_record("X-ray", "image/png", b"content")


def test_a_server_that_is_not_there_is_a_broken_connection(free_port: int) -> None:
    notes = Notebook()
    client = BookingClient(Target(f"http://127.0.0.1:{free_port}", notes), Session("p1", "", "t"))

    client.connect()

    assert client.agenda("d1") is None
    assert notes.verdicts() == (0, 0, 1)
    notes.close()


def test_who_is_told_when_to_come_back_does_not_come_sooner(play: Callable[..., Scene]) -> None:
    scene = play(json_answer(503, b"{}", b"Retry-After: 1\r\n"), BOOKED)

    assert scene.client.request_appointment("s1", "key-1").outcome == "acknowledged"

    first, second = scene.notes.attempts
    assert second.intended_us - first.sent_us >= 1_000_000
    assert second.sent_us >= second.intended_us


def test_those_who_were_turned_away_together_do_not_come_back_together(play: Callable[..., Scene]) -> None:
    scene = play()
    people = [BookingClient(scene.target, Session(f"p{k}", "", "t")) for k in range(200)]

    backs_s = sorted(person._later(2.0) for person in people)

    assert 2.0 <= backs_s[0] <= backs_s[-1] < 4.0
    for quarter in range(4):
        assert 30 < sum(2 + quarter / 2 <= back_s < 2.5 + quarter / 2 for back_s in backs_s) < 70


@pytest.mark.parametrize("told", ["31", "Fri, 31 Dec 2100 23:59:59 GMT"])
def test_nobody_waits_for_ever(play: Callable[..., Scene], told: str) -> None:
    scene = play(json_answer(503, b"{}", f"Retry-After: {told}\r\n".encode()))

    answer = scene.client.request_appointment("s1", "key-1")

    assert (answer.outcome, answer.status, len(scene.server.requests)) == ("unknown", 503, 1)


def test_a_pause_after_a_read_is_as_long_as_the_answer_asked_for(play: Callable[..., Scene]) -> None:
    scene = play(json_answer(503, b"{}", b"Retry-After: 1\r\n"), AGENDA)

    scene.client.agenda("d1")
    turned_away_us = scene.client.due_us
    scene.client.pause(0.0)
    come_back_us = scene.client.due_us
    scene.client.agenda("d1")
    looked_us = scene.client.due_us
    scene.client.pause(0.0)

    assert turned_away_us + 1_000_000 <= come_back_us <= turned_away_us + 2_000_000
    assert scene.client.due_us == looked_us


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("7", 7), ("Thu, 01 Jan 1970 00:00:30 GMT", 20), ("Thu, 01 Jan 1970 00:00:00 GMT", 0), ("soon", 0), ("", 0)],
)
def test_retry_after_is_seconds_or_a_date(header: str, seconds: float) -> None:
    assert seconds_of(header, now_s=10.0) == seconds
