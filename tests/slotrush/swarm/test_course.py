"""The swarm as one worker sees it."""

from dataclasses import replace
from itertools import islice
from pathlib import Path

import pytest

from slotrush.errors import BadInputError
from slotrush.runs import record
from slotrush.swarm.arrivals import idempotency_keys
from slotrush.swarm.course import Course
from slotrush.swarm.plan import Lineup, Plan
from slotrush.swarm.recorder import now_us
from slotrush.swarm.sessions import Role, digest_of
from tests.slotrush.swarm.little_clinic import DOCTORS, PATIENTS, write_bank
from tests.slotrush.swarm.swarming import little_plan

STAFF = 2
PLAYERS: dict[Role, int] = {"patient": PATIENTS, "doctor": DOCTORS, "staff": STAFF}


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    bank = write_bank(tmp_path / "bank.json", staff=STAFF)
    return little_plan("http://127.0.0.1:1", bank, tmp_path / "run", users=sum(PLAYERS.values()))


def course(plan: Plan, position: int = 0, workers: int = 1) -> Course:
    return Course(Lineup(plan, position, workers), f"worker{position}", None)


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_the_workers_together_play_everybody_once(plan: Plan, workers: int) -> None:
    """Each of them in the order in which its users are spawned."""
    courses = [course(plan, position, workers) for position in range(workers)]
    for role, people in PLAYERS.items():
        joined = [courses[number % workers].join(role) for number in range(people)]

        assert [person.session.id for person in joined] == [f"{role}-{number}" for number in range(people)]
        assert [person.index for person in joined] == list(range(people))


def test_nobody_can_join_when_all_are_playing(plan: Plan) -> None:
    here = course(plan)
    for _ in range(STAFF):
        here.join("staff")

    with pytest.raises(LookupError, match="all staff of worker0"):
        here.join("staff")


def test_no_two_people_share_a_seed_or_a_key(plan: Plan) -> None:
    here = course(plan)
    people = [here.join(role) for role, number in PLAYERS.items() for _ in range(number)]
    keys = [key for person in people for key in islice(idempotency_keys(person.own_seed, here.plan.salt), 50)]

    assert len({person.own_seed for person in people}) == len(people)
    assert len(set(keys)) == len(keys)


def test_another_swarm_of_the_same_seed_has_other_keys(plan: Plan) -> None:
    def keys(salt: int) -> list[str]:
        here = course(replace(plan, salt=salt))
        return list(islice(idempotency_keys(here.join("patient").own_seed, here.plan.salt), 5))

    assert not set(keys(1)) & set(keys(2))


def test_of_a_drop_who_never_started_is_dropped_once_it_is_over(plan: Plan) -> None:
    here = course(replace(plan, model="drop", users=PATIENTS, slots=4, drop_window_s=0.0, run_time_s=None))
    start_us = now_us() - 1_000_000
    here.start_at(start_us)
    here.raced = PATIENTS - 2
    assert here.dropped_arrivals(now_us()) == 0

    here.close()

    assert here.dropped_arrivals(now_us()) == 2
    assert here.recorder.stopping


def test_a_drop_that_never_came_dropped_nobody(plan: Plan) -> None:
    here = course(replace(plan, model="drop", users=PATIENTS, slots=4, run_time_s=None))
    here.close()

    assert here.dropped_arrivals(now_us()) == 0


def test_its_part_begins_with_what_the_worker_weighs(plan: Plan, tmp_path: Path) -> None:
    part = tmp_path / "worker0.sqlite"

    Course(Lineup(plan, 0, 1), "worker0", part).recorder.close()

    connection = record.open_record(part)
    assert connection.execute("SELECT name FROM events").fetchall() == [("base",)]
    connection.close()


def test_a_bank_that_is_not_there_leaves_no_part(plan: Plan, tmp_path: Path) -> None:
    part = tmp_path / "worker0.sqlite"

    with pytest.raises(BadInputError, match="nowhere"):
        Course(Lineup(replace(plan, sessions="/nowhere.json"), 0, 1), "worker0", part)

    assert not part.exists()


def test_a_worker_plays_with_the_masters_bank_and_no_other(plan: Plan, tmp_path: Path) -> None:
    masters = digest_of(Path(plan.sessions))
    other = write_bank(tmp_path / "other.json", staff=STAFF + 1)

    Course(Lineup(plan, 0, 1, bank=masters), "worker0", None)
    with pytest.raises(BadInputError, match=r"other\.json: .* another one than the master's.*Copy the master's"):
        Course(Lineup(replace(plan, sessions=str(other)), 0, 1, bank=masters), "worker0", None)


def test_a_worker_without_a_bank_says_where_it_should_be(plan: Plan) -> None:
    with pytest.raises(BadInputError, match=r"sessions /nowhere\.json: .* worker's host\. Copy .* --sessions"):
        course(replace(plan, sessions="/nowhere.json"))
