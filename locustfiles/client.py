"""The one client of all scenarios: what patients, doctors and staff ask of the booking system.

How the system is spoken to is up to `BookingApi`, or a subclass of it; how it is recorded, to `Asker`.
"""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from locustfiles.answers import Agenda, Appointment, Doctors, KeptSlot, Notification, Person, Record
from locustfiles.asking import Answer, Asker
from slotrush.swarm import Session

__all__ = ["Answer", "BookingClient"]


class BookingClient(Asker):
    """One signed-in person on one keep-alive connection.

    Reads return what was read, None when there was no usable answer; writes return an `Answer` and, unless a `key` is
    given, take the next idempotency key. All raise NotOffered for what the system does not have.
    """

    __slots__ = ()

    # Anybody

    def log_in(self, email: str, password: str) -> Session | None:
        """Sign in, and be that person from now on. It is not tried again: a storm of logins is to be seen as it is."""
        session = self._read("log_in", self._api.log_in(email, password), self._api.read_session)
        if session is not None:
            self._sign_in(session)
        return session

    def me(self) -> Person | None:
        return self._read("me", self._api.me(), self._api.read_me)

    def search(self, specialty: str = "", **filters: str | int) -> Doctors | None:
        """Look for doctors; `after=found.next` is the next page."""
        return self._read("search", self._api.search(specialty, filters), self._api.read_doctors)

    def agenda(self, doctor: str) -> Agenda | None:
        return self._read("agenda", self._api.agenda(doctor), self._api.read_agenda, doctor)

    def cancel(self, appointment: str, reason: str, key: str | None = None) -> Answer:
        api = self._api
        return self._write("cancel", api.cancel(appointment, reason), api.read_change, "cancel", appointment, key)

    # Patients

    def request_appointment(self, slot: str, key: str | None = None) -> Answer:
        """Go for a slot."""
        api = self._api
        return self._write("request_appointment", api.request_appointment(slot), api.read_booking, "request", slot, key)

    def my_appointments(self, state: str | None = None) -> list[Appointment] | None:
        """Newest first."""
        return self._read("my_appointments", self._api.my_appointments(state), self._api.read_appointments)

    def reschedule(self, appointment: str, slot: str, key: str | None = None) -> Answer:
        """Move an appointment to another slot of the same doctor; the promise is the new appointment."""
        api, call = self._api, self._api.reschedule(appointment, slot)
        return self._write("reschedule", call, api.read_booking, "reschedule", slot, key, moves=appointment)

    def accept_offer(self, appointment: str, key: str | None = None) -> Answer:
        api, call = self._api, self._api.accept_offer(appointment)
        return self._write("accept_offer", call, api.read_change, "accept_offer", appointment, key)

    def refuse_offer(self, appointment: str, key: str | None = None) -> Answer:
        api, call = self._api, self._api.refuse_offer(appointment)
        return self._write("refuse_offer", call, api.read_change, "refuse_offer", appointment, key)

    def join_waiting_list(self, doctor: str, key: str | None = None) -> Answer:
        return self._write("join_waiting_list", self._api.join_waiting_list(doctor), None, None, doctor, key)

    def leave_waiting_list(self, doctor: str, key: str | None = None) -> Answer:
        return self._write("leave_waiting_list", self._api.leave_waiting_list(doctor), None, None, doctor, key)

    def upload_record(self, name: str, content_type: str, body: bytes, kind: str = "other") -> Answer:
        """Announce a file, put it into the object store, have it checked: the answer of the last step that was made.

        Raises BadInputError when the store is neither on this machine nor on the allow-list.
        """
        api, digest = self._api, hashlib.sha256(body).hexdigest()
        call = api.announce_record(name, kind, content_type, len(body), digest)
        answer = self._write("announce_record", call, api.read_upload, None, "", None)
        upload = answer.promise.upload
        if upload is None:
            return answer
        answer = self._again(self._put(upload, body), lambda: self._put(upload, body), safe=True)
        if answer.outcome != "acknowledged":
            return answer
        return self._write("record_uploaded", api.record_uploaded(upload.record), None, None, upload.record, None)

    def my_records(self) -> list[Record] | None:
        return self._read("my_records", self._api.my_records(), self._api.read_records)

    def prescriptions(self) -> list[str] | None:
        """Their ids, newest first."""
        return self._read("prescriptions", self._api.prescriptions(), self._api.read_prescriptions)

    # Doctors, and staff for a `doctor` of their clinic

    def publish(
        self, slots: Sequence[Mapping[str, str | int]], key: str | None = None, doctor: str | None = None
    ) -> Answer:
        """Publish slots, each with `starts_at` and `minutes`."""
        api, subject = self._api, doctor or self._person
        return self._write("publish", api.publish(slots, doctor), api.read_publication, "publish", subject, key)

    def publish_week(self, pattern: Mapping[str, Any], key: str | None = None, doctor: str | None = None) -> Answer:
        """Publish slots by a weekly pattern: see `BookingApi.publish_week`."""
        api, subject = self._api, doctor or self._person
        call = api.publish_week(pattern, doctor)
        return self._write("publish_week", call, api.read_publication, "publish", subject, key)

    def edit_slot(
        self, slot: str, starts_at: str | None = None, minutes: int | None = None, key: str | None = None
    ) -> Answer:
        """Move a slot that nobody holds, or change its length."""
        api = self._api
        return self._write("edit_slot", api.edit_slot(slot, starts_at, minutes), api.read_slot, "edit_slot", slot, key)

    def remove_slot(self, slot: str, key: str | None = None, doctor: str | None = None) -> Answer:
        """Remove a slot that nobody holds; staff say whose it is, as no answer does."""
        return self._write("remove_slot", self._api.remove_slot(slot), None, "remove_slot", slot, key, doctor=doctor)

    def day(self, on: date | None = None, state: str | None = None) -> list[Appointment] | None:
        """A doctor's appointments of a day in UTC, or the newest of any day."""
        return self._read("day", self._api.day(on, state), self._api.read_appointments)

    def accept(self, appointment: str, key: str | None = None) -> Answer:
        api = self._api
        return self._write("accept", api.accept(appointment), api.read_change, "accept", appointment, key)

    def decline(self, appointment: str, reason: str, key: str | None = None) -> Answer:
        api = self._api
        return self._write("decline", api.decline(appointment, reason), api.read_change, "decline", appointment, key)

    def complete(self, appointment: str, key: str | None = None) -> Answer:
        api = self._api
        return self._write("complete", api.complete(appointment), api.read_change, "complete", appointment, key)

    def no_show(self, appointment: str, key: str | None = None) -> Answer:
        api = self._api
        return self._write("no_show", api.no_show(appointment), api.read_change, "no_show", appointment, key)

    # Staff

    def clinic_day(self, doctor: str, on: date | None = None) -> list[KeptSlot] | None:
        """A doctor's slots of a day in UTC, free and held, or those from the first one on."""
        return self._read("clinic_day", self._api.clinic_day(doctor, on), self._api.read_slots, doctor)

    def notifications(self, state: str | None = None) -> list[Notification] | None:
        """The clinic's e-mails, newest first."""
        return self._read("notifications", self._api.notifications(state), self._api.read_notifications)
