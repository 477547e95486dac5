"""Scenarios in which users think, or start at one moment, small and for some seconds, on a system that runs already."""

from pathlib import Path

import pytest

from tests.e2e.swarms import MIX, swarm, went_well


@pytest.mark.long
@pytest.mark.parametrize(
    ("scenario", "users", "options", "endpoints"),
    [
        pytest.param(
            "hot_doctor", 60, ["--slots", 20], {"POST /v1/slots", "POST /v1/appointments"}, marks=pytest.mark.long
        ),
        ("soak", 60, ["-t", "4s", "--think-time", "exponential:0.5"], MIX),
        ("login_storm", 60, ["-t", "3s", "--arrivals", "poisson:8", "--think-time", "none"], {"POST /v1/sessions"}),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_a_scenario_of_people_who_think_is_played_without_failures(
    tmp_path: Path,
    environment: dict[str, str],
    clinic: list[str],
    scenario: str,
    users: int,
    options: list[object],
    endpoints: set[str],
) -> None:
    ran = swarm(tmp_path, environment, scenario, "-u", users, *clinic, *options)

    went_well(ran, endpoints, options)
