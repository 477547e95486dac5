"""The benchmarks' client, against a real server."""

import asyncio
import time
from collections.abc import Iterator

import pytest

from slotrush.bench.driver import closed, opened, request
from slotrush.bench.logins import quantile
from slotrush.floor.requests import hello_server


@pytest.fixture(scope="module")
def hello() -> Iterator[str]:
    with hello_server(lifetime_s=60) as (port, _):
        yield f"http://127.0.0.1:{port}"


def test_answers_are_in_the_order_of_the_requests(hello: str) -> None:
    requests = [request("GET", "/" if number % 3 else "/nowhere") for number in range(30)]
    answers = asyncio.run(closed(hello, requests, connections=4))
    assert [answer.status for answer in answers] == [200 if number % 3 else 404 for number in range(30)]
    assert answers[1].body == b'{"hello":"world"}'


def test_at_a_constant_rate_a_request_waits_for_a_connection_on_its_own_clock(hello: str) -> None:
    requests = [request("GET", "/")] * 2_000
    began_s = time.perf_counter()
    answers = asyncio.run(opened(hello, requests, rate_per_s=1e6, connections=1))
    took_ms = 1000 * (time.perf_counter() - began_s)
    # All are due at once and each waits for those before it: the last for all of them.
    assert took_ms / 2 < max(answer.response_ms for answer in answers) <= took_ms


@pytest.mark.parametrize(("share", "value"), [(0.5, 50), (0.99, 99), (0.995, 100), (1.0, 100), (0.0, 1)])
def test_a_quantile_is_one_of_the_values(share: float, value: float) -> None:
    assert quantile(range(100, 0, -1), share) == value
