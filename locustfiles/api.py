"""How a booking system is spoken to over HTTP: the one class to subclass to put slotrush in front of your own.

`BookingApi` speaks to the booking system that comes with slotrush. Each operation is a method that makes the `Call`,
and what its answer says is read by a `read_…` method. docs/own-system.md shows a whole adapter.
"""

import base64
import importlib.util
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar, Final, NamedTuple
from urllib.parse import quote, urlencode

import orjson

from locustfiles.answers import (
    Agenda,
    Appointment,
    DoctorCard,
    Doctors,
    KeptSlot,
    Notification,
    Person,
    Promise,
    Record,
    Upload,
)
from slotrush.swarm import Action, BadInputError, Session

PAGE: Final = 50
"""How many appointments or slots are asked for at once; a doctor's day has at most 48 of half an hour."""
DOCTORS_A_PAGE: Final = 20


class Call(NamedTuple):
    """One request: `path` with its query, percent-encoded; `body` as `BookingApi.encode` takes it, None is none.

    Reports name the request by `route`, in which ids have no place: '/v1/doctors/{id}/agenda'. Without one it is the
    path without query, with '{id}' for each segment that is an id which the operation was called with.
    """

    method: str
    path: str
    body: Any = None
    route: str = ""


class NotOffered(Exception):
    """The system has no such operation; scenarios go on without it."""


class BookingApi:
    """The paths, headers, bodies and answers of a booking system.

    Instances hold nothing that changes: one serves all users of a process. A `read_…` method is given the decoded body
    of an answer of 2xx, None for an empty one; it may raise KeyError, TypeError, ValueError, IndexError or
    AttributeError for one that is not as promised.
    """

    offers: ClassVar[frozenset[str] | None] = None
    """The operations that the system has, by the names of the methods below; None is all of them."""
    content_type: ClassVar[str] = "application/json"
    key_header: ClassVar[str] = "Idempotency-Key"
    """Makes it safe to send a write again. Empty: there is none, and a write of unknown outcome is not sent again."""
    good_statuses: ClassVar[frozenset[int]] = frozenset({409})
    """Refusals that are answers as promised: somebody else was faster."""
    good_reasons: ClassVar[frozenset[str]] = frozenset({"slot-not-found"})
    """The same by reason: a slot that was removed after it was shown."""
    bad_conflicts: ClassVar[frozenset[Action]] = frozenset({"publish"})
    """Writes to which a conflict is no good answer: no two of a scenario's are in each other's way."""
    shed_statuses: ClassVar[frozenset[int]] = frozenset({429, 503})
    """Told to come back later; bad for availability, and worth another try."""
    reasons: ClassVar[Mapping[str, str]] = {}
    """What the system calls the reasons that scenarios know: 'slot-taken', 'patient-overlap'."""

    def __init_subclass__(cls) -> None:
        """Raises TypeError when `offers` names an operation that there is not."""
        super().__init_subclass__()
        if cls.offers is None:
            return
        if unknown := cls.offers - OPERATIONS:
            raise TypeError(f"`offers` has {min(unknown)!r}, which is none of {', '.join(sorted(OPERATIONS))}")
        for operation in OPERATIONS - cls.offers:
            setattr(cls, operation, _not_offered(operation))

    def headers(self, session: Session) -> Mapping[str, str]:
        """What every request of a signed-in person carries."""
        return {"Authorization": f"Bearer {session.token}"}

    def encode(self, body: Any) -> bytes:
        return orjson.dumps(body)

    def decode(self, body: bytes) -> Any:
        return orjson.loads(body)

    # Anybody

    def log_in(self, email: str, password: str) -> Call:
        return Call("POST", "/v1/sessions", {"email": email, "password": password})

    def me(self) -> Call:
        return Call("GET", "/v1/me")

    def search(self, specialty: str, filters: Mapping[str, str | int]) -> Call:
        query = f"specialty={quote(specialty)}&limit={DOCTORS_A_PAGE}" if specialty else f"limit={DOCTORS_A_PAGE}"
        return Call("GET", f"/v1/doctors?{query}{'&' + urlencode(filters) if filters else ''}")

    def agenda(self, doctor: str) -> Call:
        return Call("GET", f"/v1/doctors/{doctor}/agenda")

    def cancel(self, appointment: str, reason: str) -> Call:
        return Call("POST", f"/v1/appointments/{appointment}/cancel", {"reason": reason})

    # Patients

    def request_appointment(self, slot: str) -> Call:
        return Call("POST", "/v1/appointments", {"slot_id": slot})

    def my_appointments(self, state: str | None) -> Call:
        return Call("GET", f"/v1/appointments?limit={PAGE}{_and(state=state)}")

    def reschedule(self, appointment: str, slot: str) -> Call:
        return Call("POST", f"/v1/appointments/{appointment}/reschedule", {"slot_id": slot})

    def accept_offer(self, appointment: str) -> Call:
        return Call("POST", f"/v1/appointments/{appointment}/accept-offer")

    def refuse_offer(self, appointment: str) -> Call:
        return Call("POST", f"/v1/appointments/{appointment}/refuse-offer")

    def join_waiting_list(self, doctor: str) -> Call:
        return Call("PUT", f"/v1/doctors/{doctor}/waiting-list")

    def leave_waiting_list(self, doctor: str) -> Call:
        return Call("DELETE", f"/v1/doctors/{doctor}/waiting-list")

    def announce_record(self, name: str, kind: str, content_type: str, size_bytes: int, sha256: str) -> Call:
        """The first step of an upload, answered with where the content goes."""
        described = {"name": name, "kind": kind, "content_type": content_type}
        return Call("POST", "/v1/records", {**described, "size_bytes": size_bytes, "sha256": sha256})

    def record_uploaded(self, record: str) -> Call:
        """The last step of an upload: the content is in the object store."""
        return Call("POST", f"/v1/records/{record}/uploaded")

    def my_records(self) -> Call:
        return Call("GET", "/v1/records")

    def prescriptions(self) -> Call:
        return Call("GET", "/v1/prescriptions")

    # Doctors, and staff for a `doctor` of their clinic

    def publish(self, slots: Sequence[Mapping[str, str | int]], doctor: str | None) -> Call:
        """`slots`: each with `starts_at` (ISO 8601, UTC) and `minutes`."""
        return Call("POST", f"/v1/slots{_of(doctor)}", {"slots": slots})

    def publish_week(self, pattern: Mapping[str, Any], doctor: str | None) -> Call:
        """`pattern`: first_day, last_day, timezone, and weekdays of {weekday, from, until, minutes, break_minutes}."""
        return Call("POST", f"/v1/slots/weekly{_of(doctor)}", pattern)

    def edit_slot(self, slot: str, starts_at: str | None, minutes: int | None) -> Call:
        changes = {"starts_at": starts_at, "minutes": minutes}
        return Call("PATCH", f"/v1/slots/{slot}", {name: value for name, value in changes.items() if value is not None})

    def remove_slot(self, slot: str) -> Call:
        return Call("DELETE", f"/v1/slots/{slot}")

    def day(self, on: date | None, state: str | None) -> Call:
        """The doctor's appointments of a day in UTC; None is any day, newest first."""
        return Call("GET", f"/v1/appointments?limit={PAGE}{_and(state=state)}{_within(on)}")

    def accept(self, appointment: str) -> Call:
        return Call("POST", f"/v1/appointments/{appointment}/accept")

    def decline(self, appointment: str, reason: str) -> Call:
        return Call("POST", f"/v1/appointments/{appointment}/decline", {"reason": reason})

    def complete(self, appointment: str) -> Call:
        return Call("POST", f"/v1/appointments/{appointment}/complete")

    def no_show(self, appointment: str) -> Call:
        return Call("POST", f"/v1/appointments/{appointment}/no-show")

    # Staff

    def clinic_day(self, doctor: str, on: date | None) -> Call:
        """All slots of a doctor on a day in UTC, and who holds them; None is from the first one on."""
        return Call("GET", f"/v1/doctors/{doctor}/slots?limit={PAGE}{_within(on)}")

    def notifications(self, state: str | None) -> Call:
        return Call("GET", f"/v1/notifications?limit={PAGE}{_and(state=state)}")

    # Answers

    def read_session(self, content: Any) -> Session:
        """Its owner's id stands in the token, a JWT, as `sub`."""
        payload = content["token"].split(".")[1]
        claims = orjson.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        return Session(claims["sub"], "", content["token"])

    def read_me(self, content: Any) -> Person:
        return Person(content["id"], content["role"], content.get("clinic_id"))

    def read_doctors(self, content: Any) -> Doctors:
        return Doctors([DoctorCard(one["id"], one["price_cents"]) for one in content["doctors"]], content["next"])

    def read_agenda(self, content: Any) -> Agenda:
        return Agenda(content["total"], [slot["id"] for slot in content["slots"]])

    def read_appointments(self, content: Any) -> list[Appointment]:
        return [
            Appointment(
                one["id"],
                one["slot_id"],
                one["doctor_id"],
                one["patient_id"],
                one["state"],
                instant_us(one["starts_at"]),
            )
            for one in content["appointments"]
        ]

    def read_slots(self, content: Any) -> list[KeptSlot]:
        return [
            KeptSlot(one["id"], instant_us(one["starts_at"]), one["state"], one["appointment_id"])
            for one in content["slots"]
        ]

    def read_records(self, content: Any) -> list[Record]:
        return [Record(one["id"], one["state"]) for one in content["records"]]

    def read_prescriptions(self, content: Any) -> list[str]:
        return [one["id"] for one in content["prescriptions"]]

    def read_notifications(self, content: Any) -> list[Notification]:
        return [Notification(one["event_id"], one["recipient"], one["state"]) for one in content["notifications"]]

    def read_booking(self, content: Any) -> Promise:
        """What came of a request or a reschedule: the new appointment."""
        return Promise(content["id"], content["doctor_id"], content["price_cents"])

    def read_change(self, content: Any) -> Promise:
        """What came of any other write to an appointment: cancel, accept, decline, …"""
        return self.read_booking(content)

    def read_publication(self, content: Any) -> Promise:
        return Promise(created=content["created"], slots=tuple(slot["id"] for slot in content["slots"]))

    def read_slot(self, content: Any) -> Promise:
        starts_us = instant_us(content["starts_at"])
        return Promise(starts_us=starts_us, ends_us=starts_us + content["minutes"] * 60_000_000)

    def read_upload(self, content: Any) -> Promise:
        return Promise(upload=Upload(content["id"], content["upload_url"], content["upload_headers"]))

    def read_refusal(self, content: Any) -> tuple[str, int | None]:
        """Why a write was refused, in the system's own words (`reasons` translates them), and how many slots the doctor
        has left, where the answer says so."""
        return content["type"].rpartition("/")[2], content.get("free")


OPERATIONS: Final = frozenset(
    name
    for name, member in vars(BookingApi).items()
    if callable(member) and not name.startswith(("_", "read_")) and name not in ("headers", "encode", "decode")
)
"""Everything that scenarios may want to do."""


def instant_us(text: str) -> int:
    """Unix epoch µs of an ISO 8601 time with its offset."""
    return round(datetime.fromisoformat(text).timestamp() * 1e6)


def load_adapter(spec: str | None) -> type[BookingApi]:
    """The class that 'path/to/file.py:ClassName' names, or `BookingApi` itself. Raises BadInputError."""
    if not spec:
        return BookingApi
    thing = f"adapter {spec}"
    name, _, class_name = spec.rpartition(":")
    path = Path(name)
    if not name.endswith(".py") or not class_name.isidentifier():
        raise BadInputError(thing, "it does not name a class in a file", "Write it as path/to/file.py:ClassName")
    if not path.is_file():
        raise BadInputError(thing, f"there is no file {path}", "Write it as path/to/file.py:ClassName")
    found = importlib.util.spec_from_file_location(path.stem, path)
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    try:
        found.loader.exec_module(module)
    except Exception as error:  # whatever a stranger's file may raise
        raise BadInputError(thing, f"{path} cannot be imported ({type(error).__name__}: {error})", "Mend it") from error
    adapter = getattr(module, class_name, None)
    if not isinstance(adapter, type) or not issubclass(adapter, BookingApi):
        problem = f"{path} has no class {class_name} that is a locustfiles.api.BookingApi"
        raise BadInputError(thing, problem, "docs/own-system.md shows one")
    return adapter


def _not_offered(operation: str) -> Callable[..., Call]:
    def refuse(self: BookingApi, *_: Any) -> Call:
        raise NotOffered(f"{type(self).__name__} does not offer {operation}")

    return refuse


def _and(**wanted: str | None) -> str:
    return "".join(f"&{name}={quote(value)}" for name, value in wanted.items() if value is not None)


def _of(doctor: str | None) -> str:
    return "" if doctor is None else f"?doctor_id={doctor}"


def _within(on: date | None) -> str:
    return "" if on is None else f"&from={on}T00:00:00Z&until={on + timedelta(days=1)}T00:00:00Z"
