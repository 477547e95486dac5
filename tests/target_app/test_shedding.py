"""When load is shed: on a clock of our own, and by a replica that is told how long its requests have waited."""

import math
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import httpx
import pytest

from slotrush.stack.ports import Ports
from target_app.shedding import CALM_S, TRUST_S, Overload, age_s

AFTER_S, WAIT_S_MAX = 20.0, 0.2
STEP_S = 0.01


class Clock:
    """Requests that come one after the other, STEP_S apart, at a replica that has served calmly before."""

    def __init__(self, after_s: float = AFTER_S) -> None:
        self.overload = Overload(after_s, WAIT_S_MAX)
        self.now_s = 1000.0
        self.refused(age_s=0.001, for_s=1.0)

    def refused(self, age_s: float, for_s: float) -> list[bool]:
        answers = []
        for _ in range(round(for_s / STEP_S)):
            self.now_s += STEP_S
            looked_at = self.now_s >= self.overload.look_s
            answers.append(looked_at and self.overload.refuses(age_s, self.now_s))
        return answers

    def is_shedding(self) -> bool:
        return self.overload.shedding

    def all_refused(self, age_s: float, for_s: float) -> bool:
        return all(self.refused(age_s, for_s))

    def none_refused(self, age_s: float, for_s: float) -> bool:
        return not any(self.refused(age_s, for_s))


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def overloaded(clock: Clock) -> Clock:
    assert clock.none_refused(age_s=5.0, for_s=AFTER_S - 1)
    clock.refused(age_s=5.0, for_s=2.0)
    assert clock.is_shedding()
    return clock


def test_a_rush_is_served_however_long_it_queues(clock: Clock) -> None:
    assert clock.none_refused(age_s=15.0, for_s=AFTER_S - 1)
    assert clock.none_refused(age_s=0.1, for_s=1.0)
    assert clock.none_refused(age_s=15.0, for_s=AFTER_S - 1)


def test_a_queue_that_stands_is_overload_and_only_the_young_are_served(overloaded: Clock) -> None:
    assert overloaded.all_refused(age_s=WAIT_S_MAX * 1.01, for_s=1.0)
    assert overloaded.none_refused(age_s=WAIT_S_MAX * 0.99, for_s=1.0)
    assert overloaded.all_refused(age_s=WAIT_S_MAX * 1.01, for_s=1.0)


def test_overload_is_over_once_nobody_was_refused_for_a_while(overloaded: Clock) -> None:
    assert overloaded.none_refused(age_s=0.05, for_s=CALM_S - 0.5)
    assert overloaded.is_shedding()
    assert overloaded.none_refused(age_s=0.05, for_s=1.0)
    assert not overloaded.is_shedding()
    assert overloaded.none_refused(age_s=5.0, for_s=AFTER_S - 1)


@pytest.mark.parametrize("pause_s", [CALM_S, 3600.0])
def test_a_rush_after_a_silence_is_a_rush_again(overloaded: Clock, pause_s: float) -> None:
    overloaded.now_s += pause_s
    assert overloaded.none_refused(age_s=5.0, for_s=AFTER_S - 1)


def test_two_rushes_with_silence_between_them_are_no_queue_that_stands(clock: Clock) -> None:
    for _ in range(3):
        assert clock.none_refused(age_s=5.0, for_s=AFTER_S - 1)
        clock.now_s += 60.0


def test_while_all_is_well_few_requests_are_looked_at(clock: Clock) -> None:
    looked_at = 0
    for _ in range(1000):
        clock.now_s += 0.001
        if clock.now_s >= clock.overload.look_s:
            looked_at += 1
            clock.overload.refuses(0.001, clock.now_s)
    assert looked_at <= 21


def test_a_clock_that_is_wrong_refuses_everybody_only_for_a_moment(clock: Clock) -> None:
    clock.refused(age_s=40.0, for_s=AFTER_S + 2 * TRUST_S + 1)
    assert clock.none_refused(age_s=40.0 + WAIT_S_MAX / 2, for_s=100.0)
    clock.refused(age_s=45.0, for_s=AFTER_S + 1)
    assert clock.all_refused(age_s=45.0, for_s=1.0)  # what is older still has waited
    assert clock.none_refused(age_s=40.1, for_s=1.0)


@pytest.mark.parametrize("age_s", [120.0, 3000.0])
def test_a_clock_that_jumps_ahead_refuses_nobody_and_none_when_it_jumps_back(clock: Clock, age_s: float) -> None:
    assert clock.none_refused(age_s=0.1, for_s=1.0)
    assert clock.none_refused(age_s=age_s, for_s=3 * AFTER_S)
    assert clock.none_refused(age_s=0.1, for_s=3 * AFTER_S)


def test_after_a_jump_a_queue_that_stands_is_overload_all_the_same(clock: Clock) -> None:
    assert clock.none_refused(age_s=0.1, for_s=1.0)
    assert clock.none_refused(age_s=120.0, for_s=1.0)
    clock.refused(age_s=120.0 + 2 * WAIT_S_MAX, for_s=AFTER_S + 1)
    assert clock.all_refused(age_s=120.0 + 2 * WAIT_S_MAX, for_s=1.0)
    assert clock.none_refused(age_s=120.0, for_s=1.0)


def test_a_queue_that_grows_as_fast_as_time_passes_is_no_jump(clock: Clock) -> None:
    """The fastest that a queue can grow: whoever came just after the last who did not wait has waited since then."""
    came_s = clock.now_s
    for _ in range(round((AFTER_S + 1) / STEP_S)):
        clock.refused(age_s=clock.now_s - came_s, for_s=STEP_S)
    assert clock.is_shedding()


def test_a_long_queue_is_refused_for_as_long_as_it_gets_shorter(clock: Clock) -> None:
    clock.now_s += 60.0  # in which it hung
    clock.refused(age_s=60.0, for_s=AFTER_S + 1)
    assert all(clock.all_refused(age_s=60.0 - waited_s, for_s=1.0) for waited_s in range(55))


def test_it_can_be_switched_off() -> None:
    clock = Clock(after_s=math.inf)
    assert clock.none_refused(age_s=100.0, for_s=100.0)
    assert clock.overload.look_s == math.inf


@pytest.mark.parametrize(
    ("value", "age"),
    [
        (b"t=1700000000.250", 0.75),
        (b"1700000000.250", 0.75),
        (b"t=1700000002.000", -1.0),
        (b"t=1700000000250", None),
        (b"t=17", None),
        (b"t=nan", None),
        (b"yesterday", None),
        (b"", None),
    ],
)
def test_the_age_is_what_has_passed_since_the_proxy_got_the_request(value: bytes, age: float | None) -> None:
    assert age_s([(b"host", b"x"), (b"x-request-start", value)], 1_700_000_001.0) == age
    assert age_s([(b"host", b"x")], 1_700_000_001.0) is None


@pytest.fixture(scope="module")
def impatient_replica(stack: Any) -> Iterator[str]:
    """A replica of its own for which everything that is old for a second is overload."""
    ports = Ports()
    port = ports.free()
    environment = stack.environment() | {
        "DATABASE_CONNECTIONS": "2",
        "OVERLOAD_AFTER_S": "1",
        "OVERLOAD_WAIT_MS": "4000",
    }
    with subprocess.Popen([sys.executable, "-m", "target_app.serve", "--port", str(port)], env=environment) as process:
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            process.kill()
            ports.release()


def came(seconds_ago: float) -> dict[str, str]:
    return {"X-Request-Start": f"t={time.time() - seconds_ago:.3f}"}


@pytest.fixture
def overloaded_replica(impatient_replica: str, patient: Any, eventually: Callable[..., Any]) -> httpx.Client:
    """It turns away what is old."""
    client = httpx.Client(base_url=impatient_replica, headers=patient.headers(), timeout=30)

    def is_shedding() -> bool:
        try:
            return client.get("/v1/doctors", headers=came(5.0)).status_code == 503
        except httpx.TransportError:
            return False

    eventually(is_shedding)
    return client


def test_who_waited_too_long_is_told_when_to_come_back(
    overloaded_replica: httpx.Client, reason: Callable[[httpx.Response], str]
) -> None:
    refused = [overloaded_replica.get("/v1/doctors", headers=came(5.0)) for _ in range(6)]
    assert {(each.status_code, reason(each)) for each in refused} == {(503, "overloaded")}
    assert {each.headers["retry-after"] for each in refused} == {"1", "2", "3"}
    assert all(each.headers["cache-control"] == "no-store" for each in refused)
    assert overloaded_replica.get("/v1/doctors", headers=came(0.0)).status_code == 200
    assert 'http_requests_total{method="GET",route="shed",status="503"}' in overloaded_replica.get("/metrics").text


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/metrics"])
def test_who_looks_after_replicas_is_answered_under_overload(overloaded_replica: httpx.Client, path: str) -> None:
    assert overloaded_replica.get(path, headers=came(5.0)).status_code == 200


def test_sign_ins_have_a_queue_of_their_own(overloaded_replica: httpx.Client) -> None:
    nobody = {"email": "nobody@mail.example", "password": "it is not"}
    assert overloaded_replica.post("/v1/sessions", json=nobody, headers=came(5.0)).status_code == 401


def test_a_retry_is_not_favoured(overloaded_replica: httpx.Client, publish: Callable[..., list[str]]) -> None:
    [slot] = publish(1)
    key = {"Idempotency-Key": str(uuid4())}
    asked = [
        overloaded_replica.post("/v1/appointments", json={"slot_id": slot}, headers=key | came(age_s))
        for age_s in (0.0, 5.0, 0.0)
    ]
    assert [each.status_code for each in asked] == [201, 503, 201]
    assert asked[2].headers["idempotency-replayed"] == "true"
    assert asked[2].json()["id"] == asked[0].json()["id"]


def test_what_comes_past_the_proxy_did_not_wait_in_its_queue(overloaded_replica: httpx.Client) -> None:
    assert overloaded_replica.get("/v1/doctors").status_code == 200
