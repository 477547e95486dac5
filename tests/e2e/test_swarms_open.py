"""Scenarios of arrivals that wait for nobody, small and for some seconds, on a system that runs already."""

from pathlib import Path

import pytest

from tests.e2e.swarms import MIX, swarm, went_well


@pytest.mark.parametrize(
    ("scenario", "users", "options", "endpoints"),
    [
        ("spike", 120, ["--arrivals", "poisson:10@2s,poisson:10..60@1s,poisson:60@1s"], MIX),
        pytest.param("staircase", 120, ["--arrivals", "poisson:20@2s,poisson:50@2s"], MIX, marks=pytest.mark.long),
        pytest.param("search_heavy", 100, ["--arrivals", "poisson:40@3s"], {"GET /v1/doctors"}, marks=pytest.mark.long),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_a_scenario_of_arrivals_is_played_without_failures(
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
