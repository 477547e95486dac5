"""A clinic's day, small and for some seconds, on a stack of its own."""

from pathlib import Path

import pytest

from tests.e2e.swarms import DOCTORS, MIX, swarm, was_audited


@pytest.mark.long
def test_what_everybody_was_told_in_a_day_is_stored(tmp_path: Path, environment: dict[str, str]) -> None:
    load = ["-u", 150, "-t", "6s", "--arrivals", "day:60", "--slots", 400]

    ran = swarm(tmp_path, environment, "steady_day", "--doctors", DOCTORS, "--proxies", 1, *load)

    was_audited(ran, MIX | {"POST /v1/appointments", "GET /v1/records"})
