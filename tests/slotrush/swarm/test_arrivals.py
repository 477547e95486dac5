"""Same seed, same choices, whoever makes them; and fair ones."""

import uuid
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from slotrush.swarm.arrivals import (
    REACTION_US,
    SLOT_MINUTES,
    Purpose,
    arrival_offset_us,
    choose,
    doctor_of,
    idempotency_key,
    key_prefix,
    pause_s,
    personal_seed,
    schedule,
    share,
    slots_of,
    uniform,
)

SEEDS = st.integers(min_value=-(2**63), max_value=2**64)
COUNTS = st.integers(min_value=1, max_value=500)


@given(SEEDS, st.integers(1, 300), st.integers(1, 7))
def test_the_choices_do_not_depend_on_the_number_of_workers(seed: int, patients: int, workers: int) -> None:
    def choices(count: int) -> dict[int, tuple[int, int]]:
        return {
            patient: (arrival_offset_us(own := personal_seed(seed, patient), 5.0), choose(own, 0, 20))
            for worker in range(count)
            for patient in share(worker, count, patients)
        }

    assert choices(workers) == choices(1)


@given(COUNTS, st.integers(1, 9))
def test_the_workers_share_all_patients_and_none_twice(patients: int, workers: int) -> None:
    shares = [share(worker, workers, patients) for worker in range(workers)]

    assert sorted(index for one in shares for index in one) == list(range(patients))
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


@given(COUNTS, COUNTS)
def test_doctors_publish_all_slots_in_equal_numbers(doctors: int, slots: int) -> None:
    published = [slots_of(doctor, doctors, slots) for doctor in range(doctors)]

    assert sum(published) == slots
    assert max(published) - min(published) <= 1


@given(COUNTS, COUNTS)
def test_doctors_have_equal_numbers_of_patients(doctors: int, patients: int) -> None:
    loyal = Counter(doctor_of(patient, doctors) for patient in range(patients))

    assert max(loyal.values()) - min(loyal[doctor] for doctor in range(doctors)) <= 1


@given(SEEDS, st.integers(-1000, 100_000), st.integers(0, 1000), COUNTS)
def test_draws_stay_in_their_ranges(seed: int, actor: int, turn: int, count: int) -> None:
    own = personal_seed(seed, actor)

    assert 0 <= choose(own, turn, count) < count
    assert REACTION_US <= arrival_offset_us(own, 5.0) < REACTION_US + 5_000_000
    assert 0.1 <= pause_s(own, turn, 0.1, 0.3) < 0.3


def test_arrivals_are_spread_evenly_over_the_window() -> None:
    offsets_us = [arrival_offset_us(personal_seed(7, patient), 1.0) - REACTION_US for patient in range(20_000)]
    tenths = Counter(offset_us // 100_000 for offset_us in offsets_us)

    assert len(tenths) == 10
    assert all(1_800 < count < 2_200 for count in tenths.values())


def test_purposes_and_turns_are_independent() -> None:
    own = personal_seed(1, 1)
    drawn = {uniform(own, purpose, turn) for purpose in Purpose for turn in range(50)}

    assert len(drawn) == 50 * len(Purpose)


def test_another_seed_makes_other_choices() -> None:
    def choices(seed: int) -> list[int]:
        return [choose(personal_seed(seed, patient), 0, 20) for patient in range(100)]

    assert choices(1) == choices(1)
    assert choices(1) != choices(2)


def test_keys_are_uuids_that_no_actor_turn_or_race_shares() -> None:
    keys = [
        idempotency_key(key_prefix(own, drop_us), own, turn)
        for actor in range(-100, 500)
        for own in (personal_seed(3, actor),)
        for drop_us in (1_700_000_000_000_000, 1_700_000_000_000_001)
        for turn in range(5)
    ]

    assert len(set(keys)) == len(keys)
    assert all(str(uuid.UUID(key)) == key and uuid.UUID(key).version == 4 for key in keys)


def starts_of(drop: datetime, slots: int) -> list[datetime]:
    published = schedule(int(drop.timestamp() * 1e6), slots)
    return [datetime.fromisoformat(str(slot["starts_at"])) for slot in published]


def test_a_doctor_publishes_slots_that_follow_each_other_and_lie_ahead() -> None:
    drop = datetime(2027, 3, 1, 8, tzinfo=UTC)
    starts = starts_of(drop, 20)
    assert starts[0] >= drop + timedelta(days=29)
    assert {later - earlier for earlier, later in pairwise(starts)} == {timedelta(minutes=SLOT_MINUTES)}


@given(st.integers(0, 1_439), st.integers(1, 287), st.integers(1, 200))
def test_races_within_hours_of_each_other_publish_different_hours(minute: int, minutes_later: int, slots: int) -> None:
    drop = datetime(2027, 3, 1, 0, 0, 30, tzinfo=UTC) + timedelta(minutes=minute)
    first, second = starts_of(drop, slots), starts_of(drop + timedelta(minutes=minutes_later), slots)
    assert not set(first) & set(second)


@given(st.integers(0, 1_439), st.integers(1, 200))
def test_no_race_publishes_further_ahead_than_systems_take(minute: int, slots: int) -> None:
    drop = datetime(2027, 3, 1, tzinfo=UTC) + timedelta(minutes=minute)
    assert starts_of(drop, slots)[-1] < drop + timedelta(days=5 * 365)
