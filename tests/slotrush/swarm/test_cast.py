"""Who plays a swarm."""

import pytest

from slotrush.errors import BadInputError
from slotrush.swarm.cast import Part, cast

PATIENT = Part("Patient", "patient", 90, opens=True)
DOCTOR = Part("Doctor", "doctor", 8, opens=True)
STAFF = Part("Receptionist", "staff", 2, opens=True)
IDLE = Part("Doctor", "doctor", 8, opens=True, has_tasks=False)


def test_doctors_and_staff_play_once_each_and_patients_are_the_rest() -> None:
    found = cast([PATIENT, DOCTOR, STAFF], users=200, doctors=20, staff=3)

    assert found.players == {"patient": 177, "doctor": 20, "staff": 3}
    assert found.fixed == {"Doctor": 20, "Receptionist": 3}
    assert found.shares == {"Patient": 90, "Doctor": 8, "Receptionist": 2}
    assert (found.users, found.all_open) == (200, True)


@pytest.mark.parametrize(("users", "staff"), [(21, 0), (22, 1), (100, 2), (20 + 92 * 10, 20), (100_000, 500)])
def test_of_many_staff_a_small_swarm_has_no_more_than_the_traffic_mix_gives_them(users: int, staff: int) -> None:
    found = cast([PATIENT, DOCTOR, STAFF], users, doctors=20, staff=500)

    assert found.users == users
    assert found.players.get("staff", 0) == staff
    assert found.players["patient"] == users - 20 - staff


def test_without_patients_all_staff_play() -> None:
    assert cast([STAFF], users=100, doctors=20, staff=500).players["staff"] == 500


def test_a_bank_without_staff_leaves_their_arrivals_to_the_others() -> None:
    found = cast([PATIENT, DOCTOR, STAFF], users=100, doctors=20, staff=0)

    assert found.shares == {"Patient": 90, "Doctor": 8}
    assert found.weights["Receptionist"] == 0
    assert found.players == {"patient": 80, "doctor": 20}


def test_who_has_nothing_to_do_does_not_play() -> None:
    found = cast([PATIENT, IDLE], users=100, doctors=20, staff=0)

    assert found.players == {"patient": 100}
    assert found.shares == {"Patient": 90}


def test_without_patients_there_are_as_many_users_as_doctors() -> None:
    assert cast([DOCTOR], users=100, doctors=20, staff=0).users == 20


def test_classes_of_one_role_share_its_people_by_weight() -> None:
    parts = [PATIENT, Part("Busy", "doctor", 2, opens=False), Part("Calm", "doctor", 1, opens=False)]

    found = cast(parts, users=100, doctors=20, staff=0)

    assert found.fixed == {"Busy": 13, "Calm": 7}
    assert not found.all_open


@pytest.mark.parametrize(
    ("parts", "users", "problem"),
    [
        pytest.param([PATIENT, DOCTOR], 20, "leaves no patient", id="no patient"),
        pytest.param([IDLE], 20, "nobody anything to do", id="no task"),
        pytest.param([STAFF], 20, "nobody who could play", id="nobody"),
    ],
)
def test_a_swarm_that_nobody_could_play_is_bad_input(parts: list[Part], users: int, problem: str) -> None:
    with pytest.raises(BadInputError, match=problem):
        cast(parts, users, doctors=20, staff=0)
