"""The traffic mix: what people of a clinic do, and how often, out of a hundred times that they do something.

There is no public record of a clinic's traffic to take it from. The numbers below are ours, and meant to be changed:
patients look far more often than they book, doctors mostly see what they have and answer requests, reception watches
agendas. What a capacity figure means depends on them.
"""

from collections.abc import Mapping
from typing import Final

ARRIVALS: Final[Mapping[str, float]] = {"Patient": 90, "Doctor": 8, "Receptionist": 2}
"""Of a hundred arrivals of an open load, whose they are."""

PATIENT: Final[Mapping[str, int]] = {
    "search": 24,
    "read_agenda": 36,
    "book": 10,
    "see_appointments": 14,
    "cancel": 2,
    "reschedule": 1,
    "see_records": 5,
    "upload_record": 1,
    "see_prescriptions": 3,
    "see_profile": 4,
}

DOCTOR: Final[Mapping[str, int]] = {
    "see_requests": 40,
    "see_agenda": 20,
    "accept": 32,
    "decline": 3,
    "publish_day": 3,
    "cancel": 2,
}

RECEPTIONIST: Final[Mapping[str, int]] = {"see_day": 75, "see_notifications": 25}
