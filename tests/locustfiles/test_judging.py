"""What an answer to a write means."""

from typing import ClassVar

import pytest

from locustfiles.api import BookingApi
from locustfiles.judging import judge
from slotrush.swarm import Action, Verdict

API = BookingApi()


@pytest.mark.parametrize(
    ("status", "body", "verdict", "outcome", "reason"),
    [
        (201, b'{"created":5,"slots":[]}', Verdict.GOOD, "acknowledged", ""),
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
    failure = "time-out" if status == 0 else ""
    assert judge(API, "publish", API.read_publication, status, body, failure)[:3] == (verdict, outcome, reason)


@pytest.mark.parametrize(
    ("action", "status", "reason", "verdict"),
    [
        ("request", 409, "slot-taken", Verdict.GOOD),
        ("request", 404, "slot-not-found", Verdict.GOOD),
        ("cancel", 404, "appointment-not-found", Verdict.BAD),
        ("request", 422, "idempotency-key-reused", Verdict.BAD),
        ("edit_slot", 409, "slot-held", Verdict.GOOD),
        (None, 409, "already-uploaded", Verdict.GOOD),
    ],
)
def test_a_refusal_is_good_when_somebody_else_was_faster(
    action: Action | None, status: int, reason: str, verdict: Verdict
) -> None:
    problem = b'{"type":"https://x/problems/%b","free":2}' % reason.encode()

    assert judge(API, action, API.read_booking, status, problem)[:3] == (verdict, "refused", reason)
    assert judge(API, action, API.read_booking, status, problem)[4] == 2


def test_an_acknowledged_edit_promises_a_time() -> None:
    body = b'{"id":"s1","starts_at":"2027-03-01T12:00:00Z","minutes":30}'

    promise = judge(API, "edit_slot", API.read_slot, 200, body)[3]

    assert promise.starts_us == 1_803_902_400_000_000
    assert promise.ends_us == promise.starts_us + 30 * 60 * 1_000_000


class OtherWords(BookingApi):
    reasons: ClassVar[dict[str, str]] = {"GONE": "slot-taken"}
    good_statuses = frozenset({410})
    shed_statuses = frozenset({420})


@pytest.mark.parametrize(
    ("status", "verdict"), [(410, Verdict.GOOD), (409, Verdict.BAD), (420, Verdict.REFUSED), (429, Verdict.BAD)]
)
def test_a_system_of_other_words_is_understood(status: int, verdict: Verdict) -> None:
    answer = judge(OtherWords(), "request", API.read_booking, status, b'{"type":"GONE"}')

    assert answer[:3] == (verdict, "refused", "slot-taken")
