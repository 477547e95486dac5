"""Who plays: the choices of a user, and what becomes of what a system does not offer."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from locust.env import Environment

from locustfiles import clinic, mix
from locustfiles.api import NotOffered
from locustfiles.people import BookingUser, InTurn, by_weight, rest
from slotrush.swarm import locust_events
from slotrush.swarm.course import Course
from slotrush.swarm.plan import Lineup
from tests.slotrush.swarm.little_clinic import write_bank
from tests.slotrush.swarm.swarming import little_plan


class Worker:
    """As much of a worker as a user asks for."""

    def __init__(self, course: Course) -> None:
        self.course = course


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Environment]:
    """Of a worker that plays everybody of a small bank."""
    plan = little_plan("http://127.0.0.1:1", write_bank(tmp_path / "bank.json", staff=1), tmp_path / "run", users=16)
    environment = Environment(user_classes=[clinic.Patient, clinic.Doctor, clinic.Receptionist])
    runner = environment.create_local_runner()
    course = Course(Lineup(plan, 0, 1), "worker0", None)
    monkeypatch.setitem(locust_events._workers, runner, Worker(course))
    yield environment
    course.recorder.close()
    runner.quit()


def chosen(user: BookingUser, times: int) -> list[str]:
    turn = InTurn(user)
    return [turn.get_next_task().__name__ for _ in range(times)]


def test_each_user_is_another_person_of_their_role(environment: Environment) -> None:
    people = [kind(environment).me.session.id for kind in (clinic.Patient, clinic.Patient, clinic.Doctor)]

    assert people == ["patient-0", "patient-1", "doctor-0"]


def test_what_users_do_depends_on_who_they_are_and_on_nothing_else(environment: Environment) -> None:
    first, second = clinic.Patient(environment), clinic.Patient(environment)
    again = clinic.Patient(environment)
    again.me = first.me

    did = chosen(first, 40)

    assert chosen(again, 40) == did
    assert chosen(second, 40) != did


def test_tasks_are_chosen_as_the_mix_says(environment: Environment) -> None:
    counts = Counter(chosen(clinic.Patient(environment), 20_000))

    assert set(counts) == set(mix.PATIENT)
    assert sum(mix.PATIENT.values()) == sum(mix.DOCTOR.values()) == sum(mix.RECEPTIONIST.values()) == 100
    for name, times in mix.PATIENT.items():
        assert abs(counts[name] / 200 - times) < 1.5


def test_a_mix_names_things_that_people_can_do() -> None:
    assert {task.__name__ for task in by_weight({clinic.AnyPatient.search: 2})} == {"search"}
    for kind, times in ((clinic.Doctor, mix.DOCTOR), (clinic.Receptionist, mix.RECEPTIONIST)):
        assert {getattr(task, "__name__", "") for task in kind.tasks} == set(times)


def test_what_a_system_does_not_offer_is_left_out_from_then_on(
    environment: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def lacking(_user: BookingUser) -> None:
        asked.append("lacking")
        raise NotOffered("there is no such thing")

    def offered(_user: BookingUser) -> None:
        asked.append("offered")

    monkeypatch.setattr(clinic.Patient, "tasks", [lacking, offered, lacking])
    turn = InTurn(clinic.Patient(environment))
    turn.execute_task(lacking)

    assert clinic.Patient.tasks == [offered]
    assert {turn.get_next_task() for _ in range(20)} == {offered}


def test_who_is_offered_nothing_rests(environment: Environment, monkeypatch: pytest.MonkeyPatch) -> None:
    def lacking(_user: BookingUser) -> None:
        raise NotOffered("there is no such thing")

    monkeypatch.setattr(clinic.Patient, "tasks", [lacking])
    turn = InTurn(clinic.Patient(environment))
    turn.execute_task(lacking)

    assert clinic.Patient.tasks == [rest]
    turn.execute_task(rest)
