"""Targets that are something else than the expected API are found out by reading only."""

from collections.abc import Sequence

import pytest

from locustfiles.api import BookingApi
from locustfiles.preflight import check
from slotrush.swarm import BadInputError, Session
from tests.locustfiles.scripted_server import CLOSE, ScriptedServer, json_answer

PATIENT, DOCTOR = Session("p1", "internal medicine", "t"), Session("d1", "internal medicine", "t")
ME = json_answer(200, b'{"id":"p1","role":"patient"}')
MY_DOCTOR = json_answer(200, b'{"id":"d1","role":"doctor"}')
AGENDA = json_answer(200, b'{"total":2,"free":1,"slots":[{"id":"s1"}]}')
DOCTORS = json_answer(200, b'{"doctors":[{"id":"d1","price_cents":9}],"next":null}')
HTML = b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: 15\r\n\r\n<!doctype html>"
MOVED = b"HTTP/1.1 308 Moved\r\nLocation: https://clinic.example/v1/me\r\nContent-Length: 0\r\n\r\n"


def test_the_expected_api_passes_and_is_only_read() -> None:
    with ScriptedServer([ME, AGENDA, MY_DOCTOR, AGENDA, DOCTORS]).serving() as server:
        check(server.url, BookingApi(), PATIENT, DOCTOR)

    assert [request.partition(b" HTTP")[0] for request in server.requests] == [
        b"GET /v1/me",
        b"GET /v1/doctors/d1/agenda",
        b"GET /v1/me",
        b"GET /v1/doctors/d1/agenda",
        b"GET /v1/doctors?specialty=internal%20medicine&limit=20",
    ]


@pytest.mark.parametrize(
    ("script", "problem"),
    [
        ([HTML], "GET /v1/me: expected application/json, came a page of HTML: 200 <!doctype html>"),
        ([MOVED], "GET /v1/me: it redirects to https://clinic.example/v1/me"),
        ([json_answer(401, b'{"title":"Sign in"}')], 'the token of patient p1 is refused .401 {"title":"Sign in"}'),
        ([json_answer(404, b"{}")], "GET /v1/me: expected an answer of 200, came 404 {}"),
        ([json_answer(200, b'{"id":"p9","role":"patient"}')], "token of patient p1: the target says that it is of p9"),
        ([CLOSE], "GET /v1/me: expected an answer, came none"),
        (
            [ME, json_answer(200, b'{"total":2}')],
            "d1/agenda: expected what `read_agenda` reads, but there is no 'slots'",
        ),
        ([ME, json_answer(200, b"[]")], "d1/agenda: expected what `read_agenda` reads, but TypeError"),
        ([ME, json_answer(200, b'{"total":"2","slots":[]}')], "`read_agenda` made Agenda.total='2', free=... of 200"),
        ([ME, json_answer(200, b'{"total":2,"slots":[{"id":7}]}')], "`read_agenda` made Agenda.total=2, free=.7.."),
        ([ME, AGENDA, MY_DOCTOR, json_answer(403, b"no")], "the token of doctor d1 is refused .403 no"),
        (
            [ME, AGENDA, MY_DOCTOR, AGENDA, json_answer(200, b'{"doctors":{}}')],
            "limit=20: expected what `read_doctors`",
        ),
    ],
    ids=[
        *("a page", "a redirect", "a token that ran out", "another API", "somebody else's token", "no answer"),
        *("no slots", "a list", "a total that is a text", "an id that is a number", "a doctor's token", "no doctors"),
    ],
)
def test_what_is_not_the_expected_api_is_named(script: Sequence[bytes], problem: str) -> None:
    with ScriptedServer(script).serving() as server, pytest.raises(BadInputError, match=problem) as caught:
        check(server.url, BookingApi(), PATIENT, DOCTOR)

    assert server.url in str(caught.value) or "token of" in str(caught.value)


def test_a_target_that_is_not_there_is_named(free_port: int) -> None:
    with pytest.raises(BadInputError, match=f"target http://127.0.0.1:{free_port}, GET /v1/me: .*refused"):
        check(f"http://127.0.0.1:{free_port}", BookingApi(), PATIENT, DOCTOR)
