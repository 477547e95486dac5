"""How slotrush speaks to the clinic of `app.py`."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar
from urllib.parse import quote

from locustfiles.answers import Agenda, DoctorCard, Doctors, Promise
from locustfiles.api import BookingApi, Call, instant_us
from slotrush.swarm import Session


class OtherClinic(BookingApi):
    offers = frozenset({"search", "agenda", "publish", "request_appointment", "cancel"})
    key_header = "X-Request-Id"
    good_statuses = frozenset({410})
    reasons: ClassVar[Mapping[str, str]] = {"ALREADY_RESERVED": "slot-taken"}

    def headers(self, session: Session) -> Mapping[str, str]:
        return {"X-Api-Token": session.token}

    def search(self, specialty: str, filters: Mapping[str, str | int]) -> Call:
        return Call("GET", f"/api/practitioners?area={quote(specialty)}")

    def agenda(self, doctor: str) -> Call:
        return Call("GET", f"/api/practitioners/{doctor}/openings")

    def publish(self, slots: Sequence[Mapping[str, Any]], doctor: str | None) -> Call:
        times = [{"at": instant_us(slot["starts_at"]) // 1_000_000, "length_min": slot["minutes"]} for slot in slots]
        return Call("POST", "/api/openings", {"times": times})

    def request_appointment(self, slot: str) -> Call:
        return Call("POST", "/api/reservations", {"opening": slot})

    def cancel(self, appointment: str, reason: str) -> Call:
        return Call("DELETE", f"/api/reservations/{appointment}")

    def read_doctors(self, content: Any) -> Doctors:
        return Doctors([DoctorCard(one["ref"], cents(one["fee"])) for one in content["items"]])

    def read_agenda(self, content: Any) -> Agenda:
        return Agenda(content["capacity"], [opening["ref"] for opening in content["openings"]])

    def read_publication(self, content: Any) -> Promise:
        return Promise(created=len(content["refs"]), slots=tuple(content["refs"]))

    def read_booking(self, content: Any) -> Promise:
        made = content["reservation"]
        return Promise(made["ref"], made["practitioner"], cents(made["fee"]))

    def read_change(self, content: Any) -> Promise:
        return Promise()  # 204: done, and nothing to say

    def read_refusal(self, content: Any) -> tuple[str, int | None]:
        return content["error"]["code"], None


def cents(fee: str) -> int:
    return round(float(fee) * 100)
