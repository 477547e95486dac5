"""Finding out before a swarm starts that its target is something else than the expected API.

Reads only. Nothing of it is recorded.
"""

import ssl
from collections.abc import Callable
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Any, Final, NamedTuple, TypeVar
from urllib.parse import urlsplit

from locustfiles.answers import Agenda, Doctors, Person
from locustfiles.api import BookingApi, Call, NotOffered
from locustfiles.judging import UNREADABLE
from slotrush.swarm import BadInputError, Session

Read = TypeVar("Read")
TIMEOUT_S: Final = 10.0
SHOWN_BYTES: Final = 120
"""Of an answer that is not as expected."""
_ADAPT: Final = "Check --host; for a system of your own give an --adapter: docs/own-system.md"
_RENEW: Final = "Sessions run out: write the session bank anew, for this very system"


class Reply(NamedTuple):
    status: int
    content_type: str
    location: str
    body: bytes

    def __str__(self) -> str:
        shown = self.body[:SHOWN_BYTES].decode("utf-8", "replace").strip()
        return f"{self.status} {shown}{'…' if len(self.body) > SHOWN_BYTES else ''}".strip()


def check(host: str, api: BookingApi, patient: Session, doctor: Session) -> None:
    """Raises BadInputError that names the request, what was expected and what came.

    Both people must be who the bank says, the directory and the doctor's agenda readable, and nothing may redirect:
    what the system does not offer is left out.
    """
    for role, session in (("patient", patient), ("doctor", doctor)):
        who = f"{role} {session.id}"
        person = _ask(host, api, api.me, api.read_me, session, who, _is_person)
        if person is not None and person.id != session.id:
            raise BadInputError(f"token of {who}", f"the target says that it is of {person.id}", _RENEW)
        _ask(host, api, lambda: api.agenda(doctor.id), api.read_agenda, session, who, _is_agenda)
    search = api.search
    _ask(host, api, lambda: search(patient.specialty, {}), api.read_doctors, patient, f"patient {patient.id}", _is_page)


def _ask(
    host: str,
    api: BookingApi,
    operation: Callable[[], Call],
    read: Callable[[Any], Read],
    session: Session,
    who: str,
    fits: Callable[[Read], bool],
) -> Read | None:
    """What was read; None when the system has no such operation. Raises BadInputError."""
    try:
        call = operation()
    except NotOffered:
        return None
    thing = f"target {host}, {call.method} {call.path}"
    reply = _send(host, api, call, session, thing)
    if 300 <= reply.status < 400:
        raise BadInputError(thing, f"it redirects to {reply.location or 'nowhere'}", "Name the final address as --host")
    if reply.status in (401, 403):
        raise BadInputError(thing, f"the token of {who} is refused ({reply})", _RENEW)
    if not 200 <= reply.status < 300:
        raise BadInputError(thing, f"expected an answer of 200, came {reply}", _ADAPT)
    try:
        content = api.decode(reply.body)
    except ValueError:
        kind = (
            "a page of HTML" if "html" in reply.content_type else reply.content_type or "nothing that says what it is"
        )
        raise BadInputError(thing, f"expected {api.content_type}, came {kind}: {reply}", _ADAPT) from None
    try:
        found = read(content)
    except UNREADABLE as error:
        problem = f"expected what `{read.__name__}` reads, but {_problem(error)} in {reply}"
        raise BadInputError(thing, problem, _ADAPT) from error
    if not fits(found):
        raise BadInputError(thing, f"`{read.__name__}` made {str(found)[:SHOWN_BYTES]} of {reply}", _ADAPT)
    return found


def _send(host: str, api: BookingApi, call: Call, session: Session, thing: str) -> Reply:
    url = urlsplit(host)
    connection = HTTPConnection(url.netloc, timeout=TIMEOUT_S)
    if url.scheme == "https":
        trusting = ssl._create_unverified_context()  # as the swarm's own client is: certificates are not its subject
        connection = HTTPSConnection(url.netloc, timeout=TIMEOUT_S, context=trusting)
    headers = dict(api.headers(session))
    if call.body is not None:
        headers["Content-Type"] = api.content_type
    body = None if call.body is None else api.encode(call.body)
    try:
        connection.request(call.method, url.path.rstrip("/") + call.path, body, headers)
        answer = connection.getresponse()
        content = answer.read()
        return Reply(answer.status, answer.headers.get_content_type(), answer.headers.get("Location", ""), content)
    except (OSError, HTTPException) as error:
        problem = f"expected an answer, came none ({error or type(error).__name__})"
        raise BadInputError(thing, problem, "Start the target, or name another as --host") from error
    finally:
        connection.close()


def _problem(error: Exception) -> str:
    return f"there is no {error}" if isinstance(error, KeyError) else f"{type(error).__name__}: {error}"


def _is_person(person: Person) -> bool:
    return _are_ids([person.id])


def _is_agenda(agenda: Agenda) -> bool:
    return isinstance(agenda.total, int) and _are_ids(agenda.free) and len(agenda.free) <= agenda.total


def _is_page(page: Doctors) -> bool:
    return _are_ids([card.id for card in page])


def _are_ids(ids: list[str]) -> bool:
    return all(isinstance(one, str) and one for one in ids)
