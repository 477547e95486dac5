"""When a run that goes on can no longer keep its objectives."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slotrush import slo
from slotrush.gate import abort
from slotrush.gate.abort import Counted, Seen, Watch

READ, BOOK = "GET /v1/doctors", "POST /v1/appointments"
OBJECTIVES = slo.load()
REPLICA_BYTES_MAX = 268_435_456


def counted(good: int, bad: int = 0, late: int = 0) -> Counted:
    """`late` requests took a minute, all others 20 ms."""
    total = good + bad
    return Counted(good, total, {20: total - late, 60_000: late})


def in_a_race(done: int, replica_bytes: float | None = None, **endpoints: Counted) -> Seen:
    named = {{"read": READ, "book": BOOK}[name]: counts for name, counts in endpoints.items()}
    return Seen(1.0, None, patients=1_000, done=done, endpoints=named, replica_bytes=replica_bytes)


def in_a_load(at_s: float, *, until_s: float = 600, read: Counted) -> Seen:
    return Seen(at_s, until_s, patients=100, done=0, endpoints={READ: read})


def as_locust_rounds(time_ms: float) -> int:
    """To two digits. Locust itself patches the process that imports it."""
    digits = next((digits for digits, below in ((0, 100), (-1, 1_000), (-2, 10_000)) if time_ms < below), -3)
    return round(round(time_ms, digits))


def names(missed: tuple[abort.Missed, ...]) -> list[str]:
    return [one.objective for one in missed]


def test_a_race_is_given_up_once_its_budget_is_spent_even_if_all_to_come_were_good() -> None:
    """999 of 1,000 patients still ask 5 times each: of 500 + 4,995 requests 5 may fail."""
    watch = Watch(OBJECTIVES, "race")
    assert watch.look(in_a_race(1, read=counted(495, bad=5))) == ()
    assert names(watch.look(in_a_race(1, read=counted(494, bad=6)))) == ["availability"]


def test_the_fewer_are_left_the_less_can_be_saved() -> None:
    watch = Watch(OBJECTIVES, "race")
    assert names(watch.look(in_a_race(1_000, read=counted(3_997, bad=3)))) == []
    assert names(watch.look(in_a_race(1_000, read=counted(2_997, bad=4)))) == ["availability"]


def test_a_latency_is_lost_by_the_late_and_names_its_figures() -> None:
    (missed,) = Watch(OBJECTIVES, "race").look(in_a_race(900, read=counted(300), book=counted(300, late=20)))
    assert str(missed) == (
        "bookings-latency is beyond saving: 20 of 300 requests were not answered as promised within 10,000 ms, and of"
        " the 800 that are expected at most 8 may be"
    )


def test_so_few_requests_say_nothing() -> None:
    assert Watch(OBJECTIVES, "race").look(in_a_race(999, read=counted(0, bad=199))) == ()
    assert names(Watch(OBJECTIVES, "race").look(in_a_race(999, read=counted(0, bad=200)))) != []


def test_what_was_answered_before_the_drop_does_not_count() -> None:
    watch = Watch(OBJECTIVES, "race")
    connecting = Seen(-0.5, None, patients=1_000, done=0, endpoints={READ: counted(1_000, bad=500)})
    assert watch.look(connecting) == ()
    assert watch.look(in_a_race(1_000, read=counted(3_000, bad=500))) == ()
    assert names(watch.look(in_a_race(1_000, read=counted(3_000, bad=504)))) == ["availability"]


def test_the_warm_up_of_a_load_does_not_count() -> None:
    """Of 600 s, 60 are warm-up."""
    watch = Watch(OBJECTIVES, "steady_day")
    assert watch.look(in_a_load(60, read=counted(5_000, bad=5_000))) == ()
    assert watch.look(in_a_load(500, read=counted(90_000, bad=5_000))) == ()


def test_a_load_is_given_up_only_where_a_gate_finds_a_steady_state() -> None:
    """10 s of it and a second at each end, after the warm-up of 10 s and before a cool-down of 2 s."""
    for at_s, missed in ((23.9, []), (24.1, ["availability", "reads-latency"])):
        assert (
            names(Watch(OBJECTIVES, "steady_day").look(in_a_load(at_s, until_s=90, read=counted(0, bad=900)))) == missed
        )


def test_what_is_to_come_follows_the_arrivals() -> None:
    """After 100 s of 200, at an even rate half is to come, before a rush nearly all."""
    state = in_a_load(100, until_s=200, read=counted(990, bad=4))
    assert names(Watch(OBJECTIVES, "spike").look(state)) == ["availability"]
    assert Watch(OBJECTIVES, "spike", lambda at_s: 10 if at_s < 100 else 1_000).look(state) == ()


def test_half_as_much_again_may_come_as_the_rate_promises() -> None:
    """After 90 of 180 judged seconds as much is to come, with the spare half as much again: 3,000 + 4,500 requests."""
    for bad, missed in ((7, []), (8, ["availability"])):
        state = in_a_load(110, until_s=200, read=counted(3_000 - bad, bad=bad))
        assert names(Watch(OBJECTIVES, "spike").look(state)) == missed


def test_response_times_say_nothing_of_a_latency_that_is_timed_from_the_sending(tmp_path: Path) -> None:
    from_sending = tmp_path / "slo.yaml"
    from_sending.write_text(OBJECTIVES.path.read_text().replace("timedFrom: intendedStart", "timedFrom: sending"))
    state = in_a_race(1_000, book=counted(900, late=90))
    assert names(Watch(OBJECTIVES, "race").look(state)) == ["bookings-latency"]
    assert Watch(slo.load(from_sending), "race").look(state) == ()


def test_a_peak_of_memory_does_not_go_away() -> None:
    watch = Watch(OBJECTIVES, "race")
    assert watch.look(in_a_race(0, REPLICA_BYTES_MAX)) == ()
    assert names(watch.look(in_a_race(0, REPLICA_BYTES_MAX + 1))) == ["replica-memory"]


def test_what_a_scenario_is_not_held_to_ends_nothing(tmp_path: Path) -> None:
    lenient = tmp_path / "slo.yaml"
    lenient.write_text(
        OBJECTIVES.path.read_text().replace(
            "    bookings-latency: {fasterThanMs: 10000}\n",
            "    bookings-latency: {fasterThanMs: 10000}\n    availability: {skip: it is not the point}\n",
        )
    )
    state = in_a_race(1_000, read=counted(900, bad=5))
    assert names(Watch(OBJECTIVES, "race").look(state)) == ["availability"]
    assert Watch(slo.load(lenient), "race").look(state) == ()


def test_locust_rounds_as_these_tests_think() -> None:
    times_ms = [step / 4 for step in range(0, 80_000, 7)] + [step * 7.0 for step in range(10_000)]
    program = (
        "import json, sys; from locust.stats import bucket_response_time as rounded;"
        " print([*map(rounded, json.load(sys.stdin))])"
    )
    told = subprocess.run(
        [sys.executable, "-c", program], input=json.dumps(times_ms), capture_output=True, text=True, check=True
    )
    assert json.loads(told.stdout) == [*map(as_locust_rounds, times_ms)]


@given(
    times_ms=st.lists(st.floats(0, 70_000), min_size=1),
    threshold_ms=st.sampled_from([20, 100, 300, 500, 1_000, 10_000]),
)
def test_nothing_counts_as_late_that_was_in_time(times_ms: list[float], threshold_ms: int) -> None:
    rounded: dict[int, int] = {}
    for time_ms in times_ms:
        rounded[as_locust_rounds(time_ms)] = rounded.get(as_locust_rounds(time_ms), 0) + 1
    assert abort.surely_late(rounded, threshold_ms) <= sum(time_ms >= threshold_ms for time_ms in times_ms)


@pytest.mark.parametrize(("time_ms", "late"), [(506, 1), (499, 0), (60_000, 1)])
def test_what_is_late_by_more_than_the_rounding_counts(time_ms: float, late: int) -> None:
    assert abort.surely_late({as_locust_rounds(time_ms): 1}, 500) == late
