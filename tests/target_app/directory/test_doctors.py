"""One doctor, and the specialties."""

from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest


def test_a_doctor_is_found_by_id(api: httpx.Client, patient: Any, register: Callable[..., str], specialty: str) -> None:
    doctor_id = register("Dra. Ana Souza", state="RJ", price_cents=12_300)
    answer = api.get(f"/v1/doctors/{doctor_id}", headers=patient.headers())
    assert answer.status_code == 200
    doctor = answer.json()
    assert doctor.pop("crm").endswith("/RJ")
    assert doctor == {"id": doctor_id, "name": "Dra. Ana Souza", "specialty": specialty, "price_cents": 12_300}


def test_who_is_no_doctor_is_not_found(
    api: httpx.Client, patient: Any, reason: Callable[[httpx.Response], str]
) -> None:
    for unknown in (uuid4(), patient.id):
        answer = api.get(f"/v1/doctors/{unknown}", headers=patient.headers())
        assert (answer.status_code, reason(answer)) == (404, "doctor-not-found")
    answer = api.get("/v1/doctors/nobody", headers=patient.headers())
    assert (answer.status_code, reason(answer)) == (422, "invalid-request")


def test_the_specialties_are_those_that_doctors_have(
    api: httpx.Client,
    patient: Any,
    register: Callable[..., str],
    specialty: str,
    eventually: Callable[..., Any],
) -> None:
    def specialties() -> list[str]:
        listed: list[str] = api.get("/v1/specialties", headers=patient.headers()).json()["specialties"]
        return listed

    assert "cardiology" in specialties()
    register("Dra. Ana Souza")
    register("Dra. Júlia Lima")
    listed = eventually(lambda: specialty in (some := specialties()) and some)
    assert listed == sorted(set(listed))


@pytest.mark.parametrize("path", ["/v1/doctors", f"/v1/doctors/{UUID(int=1)}", "/v1/specialties"])
def test_only_who_is_signed_in_may_ask(api: httpx.Client, path: str, reason: Callable[[httpx.Response], str]) -> None:
    answer = api.get(path)
    assert (answer.status_code, reason(answer)) == (401, "unauthenticated")
