"""The worked example of docs/own-system.md: a clinic with another API, behind an adapter of a few lines."""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import gevent
import pytest

from locustfiles.api import NotOffered, load_adapter
from locustfiles.client import BookingClient
from locustfiles.preflight import check
from locustfiles.target import Target
from slotrush import REPOSITORY
from slotrush.runs import record
from slotrush.swarm import TAKEN, BadInputError, Session
from slotrush.swarm.sessions import Bank, read_bank
from tests.locustfiles.notebook import Notebook

FOLDER = Path(__file__).parent / "other_clinic"
ADAPTER = f"{FOLDER / 'adapter.py'}:OtherClinic"
LINES_MAX = 60
SLOTS: list[dict[str, str | int]] = [
    {"starts_at": "2027-03-01T12:00:00Z", "minutes": 30},
    {"starts_at": "2027-03-01T12:30:00Z", "minutes": 30},
]


@dataclass(frozen=True)
class Clinic:
    url: str
    sessions: Path

    @property
    def bank(self) -> Bank:
        return read_bank(self.sessions)


@pytest.fixture
def clinic(tmp_path: Path, free_port: int) -> Iterator[Clinic]:
    clinic = Clinic(f"http://127.0.0.1:{free_port}", tmp_path / "people.json")
    command = [sys.executable, str(FOLDER / "app.py"), "--port", str(free_port), "--sessions", str(clinic.sessions)]
    with subprocess.Popen([*command, "--patients", "40", "--doctors", "2"]) as process:
        try:
            notes = Notebook()
            with gevent.Timeout(30):
                while not clinic.sessions.exists() or not _answers(clinic, notes):
                    gevent.sleep(0.05)
            yield clinic
        finally:
            process.terminate()


def _answers(clinic: Clinic, notes: Notebook) -> bool:
    client = BookingClient(_target(clinic, notes), clinic.bank.person("patient", 0))
    return client.agenda("pr-0") is not None


def _target(clinic: Clinic, notes: Notebook) -> Target:
    return Target(clinic.url, notes, api=load_adapter(ADAPTER)())


def test_the_adapter_is_as_short_as_it_is_said_to_be_and_shown_in_full() -> None:
    adapter = (FOLDER / "adapter.py").read_text()

    assert len(adapter.splitlines()) <= LINES_MAX
    assert f"```python\n{adapter}```" in (REPOSITORY / "docs" / "own-system.md").read_text()


def test_the_readme_shows_parts_of_it() -> None:
    shown = (REPOSITORY / "README.md").read_text().split("```python\n")[1].partition("```")[0]

    assert set(shown.splitlines()) <= set((FOLDER / "adapter.py").read_text().splitlines())


def test_people_do_there_what_they_do_here(clinic: Clinic) -> None:
    notes = Notebook()
    target = _target(clinic, notes)
    doctor, one, other = (
        BookingClient(target, clinic.bank.person("doctor", 0)),
        *(BookingClient(target, clinic.bank.person("patient", number)) for number in range(2)),
    )

    first, _ = doctor.publish(SLOTS).promise.slots
    found = one.search("cardiology")
    booked = one.request_appointment(first)
    taken = other.request_appointment(first)
    agenda = other.agenda("pr-0")
    cancelled = one.cancel(str(booked.promise.appointment), "I am travelling")
    again = other.request_appointment(first)

    assert found == [("pr-0", 15_000), ("pr-1", 15_000)]
    assert agenda is not None
    assert (agenda.total, len(agenda.free)) == (2, 1)
    assert (taken.outcome, taken.reason, taken.status) == ("refused", TAKEN, 410)
    assert (cancelled.outcome, cancelled.status, again.outcome) == ("acknowledged", 204, "acknowledged")
    assert [
        (row.action, row.actor, row.subject, row.outcome, row.doctor, row.price_cents) for row in notes.attempts
    ] == [
        ("publish", "pr-0", "pr-0", "acknowledged", None, None),
        ("request", "pa-0", first, "acknowledged", "pr-0", 15_000),
        ("request", "pa-1", first, "refused", None, None),
        ("cancel", "pa-0", booked.promise.appointment, "acknowledged", None, None),
        ("request", "pa-1", first, "acknowledged", "pr-0", 15_000),
    ]
    assert notes.attempts[0].created == 2
    assert notes.verdicts() == (7, 0, 0)


def test_what_the_clinic_lacks_is_said_before_anything_is_sent(clinic: Clinic) -> None:
    notes = Notebook()
    patient = BookingClient(_target(clinic, notes), clinic.bank.person("patient", 0))

    with pytest.raises(NotOffered, match="OtherClinic does not offer reschedule"):
        patient.reschedule("rs-1", "op-1")
    with pytest.raises(NotOffered, match="does not offer me"):
        patient.me()
    assert notes.verdicts() == (0, 0, 0)


def test_without_the_adapter_the_clinic_is_found_out(clinic: Clinic) -> None:
    patient, doctor = clinic.bank.person("patient", 0), clinic.bank.person("doctor", 0)

    check(clinic.url, load_adapter(ADAPTER)(), patient, doctor)
    with pytest.raises(BadInputError, match=r"GET /v1/me: expected an answer of 200, came 404 Not Found\. .*--adapter"):
        check(clinic.url, load_adapter(None)(), patient, doctor)
    with pytest.raises(BadInputError, match="the token of patient pa-0 is refused"):
        check(clinic.url, load_adapter(ADAPTER)(), Session("pa-0", "cardiology", "run out"), doctor)


def test_a_race_is_run_there_and_sells_every_opening_once(clinic: Clinic, tmp_path: Path) -> None:
    sizes = ["--patients", "40", "--doctors", "2", "--slots", "8", "--workers", "1"]
    where = ["--host", clinic.url, "--sessions", str(clinic.sessions), "--adapter", ADAPTER]
    subprocess.run(
        [sys.executable, "-m", "slotrush", "race", *where, *sizes, "--results", str(tmp_path)],
        check=False,
        stdin=subprocess.DEVNULL,
        timeout=120,
    )

    (run_dir,) = tmp_path.glob("race-*")
    summary = json.loads((run_dir / "summary.json").read_text())
    with record.open_record(run_dir / record.RECORD_NAME) as run:
        sold = run.execute(
            "SELECT count(*), count(DISTINCT subject) FROM ledger WHERE action = 'request' AND outcome = 'acknowledged'"
        ).fetchone()
    assert sold == (8, 8)
    assert summary["availability"] == 1
    assert set(summary["requests"]) == {
        *("GET /api/practitioners", "GET /api/practitioners/{id}/openings"),
        *("POST /api/openings", "POST /api/reservations"),
    }
