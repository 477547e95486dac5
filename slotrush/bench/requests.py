"""What benchmarks ask of the booking system."""

from collections.abc import Iterator, Sequence
from typing import Final

import orjson

from slotrush.bench.driver import Answer, closed, request
from slotrush.bench.scene import Scene, publication

CONNECTIONS: Final = 32
SLOTS_PER_DOCTOR: Final = 200
AGENDA_SLOTS: Final = 20


class Requests:
    """The requests of each round. Patient i books with doctor i alone, so that nobody has two appointments at once."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._doctors = [session["id"] for session in scene.sessions["doctors"]]
        self._keys = (f"bench-{number}" for number in range(10**9))
        self._free: Iterator[tuple[int, str]] = iter(())

    async def publish(self, bookings: int) -> None:
        """Slots for so many bookings, and AGENDA_SLOTS for the agenda that is read, which nobody books."""
        bookers = len(self._doctors) - 1
        each = -(-bookings // bookers)
        asked = [
            (doctor, publication(self._scene.token("doctors", doctor), next(self._keys), 30 + 5 * part, count))
            for doctor in range(bookers)
            for part, count in enumerate(_parts(each, SLOTS_PER_DOCTOR))
        ]
        asked.append((bookers, publication(self._scene.token("doctors", bookers), next(self._keys), 30, AGENDA_SLOTS)))
        answers = await expect_all(self._scene.urls.replica_urls[0], [body for _, body in asked], 201)
        self._free = iter(
            [
                (doctor, slot["id"])
                for (doctor, _), answer in zip(asked, answers, strict=True)
                if doctor != bookers
                for slot in orjson.loads(answer.body)["slots"]
            ]
        )

    def agendas(self, count: int) -> list[bytes]:
        path = f"/v1/doctors/{self._doctors[-1]}/agenda"
        return [request("GET", path, self._patient(number)) for number in range(count)]

    def searches(self, count: int) -> list[bytes]:
        path = "/v1/doctors?specialty=cardiology&limit=20"
        return [request("GET", path, self._patient(number)) for number in range(count)]

    def bookings(self, count: int) -> list[bytes]:
        chosen = [next(self._free) for _ in range(count)]
        return [
            request(
                "POST",
                "/v1/appointments",
                self._patient(patient),
                next(self._keys),
                b'{"slot_id":"%b"}' % slot.encode(),
            )
            for patient, slot in chosen
        ]

    def cancellations(self, booked: Sequence[Answer]) -> list[bytes]:
        tokens = {session["id"]: session["token"] for session in self._scene.sessions["patients"]}
        appointments = [orjson.loads(answer.body) for answer in booked]
        return [
            request(
                "POST",
                f"/v1/appointments/{appointment['id']}/cancel",
                tokens[appointment["patient_id"]],
                next(self._keys),
                b'{"reason":"I am travelling"}',
            )
            for appointment in appointments
        ]

    def _patient(self, number: int) -> str:
        patients = self._scene.sessions["patients"]
        return str(patients[number % len(patients)]["token"])


def _parts(whole: int, size: int) -> list[int]:
    return [min(size, whole - begin) for begin in range(0, whole, size)]


async def expect_all(url: str, requests: Sequence[bytes], status: int, connections: int = CONNECTIONS) -> list[Answer]:
    """The answers, all of which must have that status."""
    answers = await closed(url, requests, connections)
    wrong = [answer for answer in answers if answer.status != status]
    assert not wrong, f"{len(wrong)} of {len(answers)} requests were not answered {status}, one was: {wrong[0]}"
    return answers
