"""Scenarios whose audit matters, small and for some seconds, each on a stack of its own."""

from pathlib import Path

import pytest

from tests.e2e.swarms import DOCTORS, swarm, was_audited


@pytest.mark.long
@pytest.mark.parametrize(
    ("scenario", "options", "endpoints"),
    [
        (
            "publish_wave",
            ["-u", 60, "-t", "5s", "--think-time", "exponential:0.5"],
            {"POST /v1/slots/weekly", "POST /v1/appointments"},
        ),
        pytest.param(
            "waiting_list",
            ["-u", 80, "-t", "8s", "--think-time", "exponential:0.4", "--slots", 20],
            {"POST /v1/appointments/{id}/cancel", "PUT /v1/doctors/{id}/waiting-list"},
            marks=pytest.mark.long,
        ),
    ],
    ids=["publish_wave", "waiting_list"],
)
def test_what_the_clients_were_told_is_stored(
    tmp_path: Path, environment: dict[str, str], scenario: str, options: list[object], endpoints: set[str]
) -> None:
    ran = swarm(tmp_path, environment, scenario, "--doctors", DOCTORS, "--proxies", 1, *options)

    was_audited(ran, endpoints)
