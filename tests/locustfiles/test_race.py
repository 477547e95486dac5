"""What Locust is told of the race; the race itself is run against a real stack in tests/e2e."""

from locust import User
from locust.stats import RequestStats

from slotrush.swarm import Recorder, Verdict
from slotrush.swarm.dispatch import homes, positions
from slotrush.swarm.worker import add_to_stats, rounded_ms

CLASSES = [("Doctor", "doctor", 3), ("Receptionist", "staff", 1), ("Patient", "patient", 0)]
DROP_US = 1_700_000_000_000_000


def test_workers_are_numbered_in_the_order_in_which_users_are_handed_round() -> None:
    assert positions(["host_b", "host_a", "host_c"]) == {"host_a": 0, "host_b": 1, "host_c": 2}


def test_locusts_statistics_get_the_same_as_from_single_requests() -> None:
    recorder, one_by_one, at_once = Recorder("w", None), RequestStats(), RequestStats()
    endpoint = recorder.endpoint("GET /x")
    for number in range(200):
        response_us = number * 777
        endpoint.answered(DROP_US - response_us, DROP_US, DROP_US, Verdict.BAD if number == 7 else Verdict.GOOD)
        one_by_one.log_request("GET", "/x", response_us / 1000, 0)  # type: ignore[arg-type]
    for cell in recorder.take_cells():
        add_to_stats(at_once, cell, rounded_ms(cell))

    for singly, together in (
        (one_by_one.total, at_once.total),
        (one_by_one.get("/x", "GET"), at_once.get("/x", "GET")),
    ):
        assert together.num_requests == singly.num_requests
        assert dict(together.response_times) == dict(singly.response_times)
        assert together.median_response_time == singly.median_response_time
        assert (together.min_response_time, together.max_response_time) == (
            singly.min_response_time,
            singly.max_response_time,
        )
        assert abs(together.avg_response_time - singly.avg_response_time) < 1e-6
    assert at_once.total.num_failures == 1


def test_each_workers_users_are_counted_by_their_class() -> None:
    """As the dispatcher hands them round: each role by itself, so that nobody plays more of one than there are."""
    kinds = [type(name, (User,), {"role": role, "fixed_count": count}) for name, role, count in CLASSES]

    spawned = homes(["host_b", "host_a"], kinds, users=20)

    assert spawned == {"Doctor": [2, 1], "Receptionist": [1, 0], "Patient": [8, 8]}
