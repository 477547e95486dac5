"""What an answer means: for availability, for the ledger, and for whoever asked."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

from locustfiles.answers import Promise
from locustfiles.api import BookingApi
from slotrush.swarm import Action, Outcome, Verdict

UNREADABLE: Final = (ValueError, KeyError, TypeError, AttributeError, IndexError)
"""What reading an answer raises when it is not as promised."""
NOTHING: Final = Promise()
CONFLICT: Final = 409


Judgement = tuple[Verdict, Outcome, str, Promise, int | None]
"""Verdict, outcome, why it was refused or is unknown, what was promised, and how many slots are left, if that was said.

A bare tuple, as are refusals: one is made for every write of a swarm.
"""


def judge(
    api: BookingApi,
    action: Action | None,
    read: Callable[[Any], Promise] | None,
    status: int,
    body: bytes,
    failure: str = "",
) -> Judgement:
    """Of the answer to a write. `read`: reads what was promised, None when nothing is but success.

    `status` 0 is no answer, for the reason `failure`. An answer that cannot be read settles nothing: 'unknown'.
    """
    if status == 0 or status >= 500:
        return verdict_of(api, status), "unknown", failure or f"status-{status}", NOTHING, None
    if status < 400:
        if 200 <= status < 300:
            with suppress(*UNREADABLE):
                return Verdict.GOOD, "acknowledged", "", _promise(api, read, body), None
        return Verdict.BAD, "unknown", "bad-answer", NOTHING, None
    try:
        said, free = api.read_refusal(api.decode(body))
        reason = api.reasons.get(said, said)
    except UNREADABLE:
        reason, free = f"status-{status}", None
    return verdict_of(api, status, reason, action), "refused", reason, NOTHING, free


def verdict_of(api: BookingApi, status: int, reason: str = "", action: Action | None = None) -> Verdict:
    """A conflict is an answer as promised, but not to a publication; shed load is REFUSED."""
    if 200 <= status < 300:
        return Verdict.GOOD
    if status in api.shed_statuses:
        return Verdict.REFUSED
    if status == CONFLICT and action in api.bad_conflicts:
        return Verdict.BAD
    return Verdict.GOOD if status in api.good_statuses or reason in api.good_reasons else Verdict.BAD


def _promise(api: BookingApi, read: Callable[[Any], Promise] | None, body: bytes) -> Promise:
    if read is None:
        return NOTHING
    return read(api.decode(body) if body else None)
