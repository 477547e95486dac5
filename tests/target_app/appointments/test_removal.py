import asyncio
from collections.abc import Callable
from typing import Any
from uuid import UUID

import httpx
import pytest

from target_app.appointments import transitions
from target_app.services import open_services
from target_app.settings import Settings

Act = Callable[..., httpx.Response]
Offers = Callable[[Any], list[Any]]


@pytest.fixture
def cancel_all(stack: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[[Any], int]:
    """What is done for a patient who goes."""
    for name, value in stack.environment().items():
        monkeypatch.setenv(name, value)

    def cancel_all(patient: Any) -> int:
        async def run() -> int:
            async with open_services(Settings.from_environment()) as services:
                return await transitions.cancel_all(services, UUID(patient.id), "The account was removed")

        return asyncio.run(run())

    return cancel_all


def test_whoever_goes_leaves_nothing_to_come_and_their_slots_to_others(
    api: httpx.Client,
    booked: Any,
    act: Act,
    wait_for: Act,
    offers: Offers,
    begin: Any,
    history: Any,
    sql: Any,
    cancel_all: Callable[[Any], int],
    patient: Any,
    rival: Any,
    doctor: Any,
    accounts: Any,
) -> None:
    """What has begun stays, for the accounting."""
    other = next(accounts.patients)
    requested, accepted, begun, offered = (booked(patient, in_hours)["id"] for in_hours in (48, 50, 52, 54))
    for appointment in (accepted, begun):
        act(doctor, appointment, "accept")
    begin(begun)
    wait_for(other, doctor)
    act(patient, offered, "cancel", reason="ill")
    (offer,) = offers(other)
    act(other, offer["id"], "refuse-offer")
    wait_for(patient, doctor)
    wait_for(rival, doctor)

    assert cancel_all(patient) == 2
    assert cancel_all(patient) == 0
    assert history(requested) == ["requested", "cancelled"]
    assert history(accepted) == ["requested", "accepted", "cancelled"]
    assert history(begun) == ["requested", "accepted"]
    assert len(offers(rival)) == 1
    assert api.get("/v1/waiting-list", headers=patient.headers()).json() == {"places": []}
    video_urls = sql("SELECT FROM appointments WHERE id = $1 AND video_url IS NOT NULL", UUID(accepted))
    assert video_urls == []


def test_whoever_goes_has_no_offers_either(
    booked: Any,
    act: Act,
    wait_for: Act,
    offers: Offers,
    history: Any,
    cancel_all: Callable[[Any], int],
    patient: Any,
    rival: Any,
    doctor: Any,
    accounts: Any,
) -> None:
    second = next(accounts.patients)
    wait_for(rival, doctor)
    act(patient, booked(patient)["id"], "cancel", reason="ill")
    wait_for(second, doctor)
    (offer,) = offers(rival)
    assert cancel_all(rival) == 1
    assert history(offer["id"]) == ["offered", "expired"]
    assert [each["slot_id"] for each in offers(second)] == [offer["slot_id"]]
