"""`python -m target_app.identity.staff`"""

import subprocess
import sys
from collections.abc import Callable
from subprocess import CompletedProcess
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from target_app.identity.staff import main
from tests.commands import run_within
from tests.target_app.identity import replica

Run = Callable[..., CompletedProcess[str]]


@pytest.fixture
def run(stack: Any) -> Run:
    def run(*options: str, password: str, **environment: str) -> CompletedProcess[str]:
        return run_within(main, *options, environment=stack.environment() | environment, typed=password)

    return run


def rita(email: str) -> tuple[str, ...]:
    return ("--clinic", "Clínica Aurora", "--name", "Rita", "--email", email)


def test_staff_sign_in_by_email(inside: httpx.Client, register_staff: Any, sign_in: Any) -> None:
    session = sign_in(at=inside, email=register_staff()["email"])
    assert (session.status_code, session.json()["role"]) == (201, "staff")


def test_a_clinic_is_made_once(register_staff: Any, sql: Any) -> None:
    clinic = f"Clínica {uuid4()}"
    people = [register_staff(clinic), register_staff(clinic)]
    rows = sql(
        "SELECT staff.id FROM staff JOIN clinics ON clinics.id = clinic_id WHERE clinics.name = $1 ORDER BY staff.id",
        clinic,
    )
    assert [row["id"] for row in rows] == sorted(UUID(person["id"]) for person in people)
    assert len(sql("SELECT FROM clinics WHERE name = $1", clinic)) == 1


def test_the_password_may_come_from_standard_input(stack: Any, inside: httpx.Client, sign_in: Any) -> None:
    """A process of its own, as a clinic starts it; those below run within this one."""
    email = f"{uuid4()}@clinic.example"
    done = subprocess.run(
        [sys.executable, "-m", "target_app.identity.staff", *rita(email)],
        env=stack.environment(),
        input="from standard input\n",
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert sign_in("from standard input", at=inside, email=email).status_code == 201
    assert "from standard input" not in done.stdout + done.stderr


def test_the_password_may_come_from_the_environment(inside: httpx.Client, run: Run, sign_in: Any) -> None:
    email = f"{uuid4()}@clinic.example"
    done = run(*rita(email), password="", STAFF_PASSWORD="from the environment")
    assert done.returncode == 0, done.stderr
    assert sign_in("from the environment", at=inside, email=email).status_code == 201
    assert "from the environment" not in done.stdout + done.stderr


def test_who_is_registered_already_is_named_and_nothing_is_made(run: Run, register_staff: Any, sql: Any) -> None:
    person = register_staff()
    clinic = f"Clínica {uuid4()}"
    options = ("--clinic", clinic, "--name", "Rita", "--email", person["email"])
    failed = run(*options, password="long enough\n")
    assert failed.returncode == 1
    assert person["email"] in failed.stderr
    assert sql("SELECT FROM clinics WHERE name = $1", clinic) == []


@pytest.mark.parametrize(
    ("wrong", "password"),
    [
        ({"--email": "rita"}, "long enough"),
        ({"--name": " "}, "long enough"),
        ({}, "short"),
        ({"--locale": "fr"}, "long enough"),
    ],
)
def test_bad_options_register_nobody(run: Run, sql: Any, wrong: dict[str, str], password: str) -> None:
    good = {"--clinic": f"Clínica {uuid4()}", "--name": "Rita", "--email": f"{uuid4()}@clinic.example"}
    failed = run(*(part for option in (good | wrong).items() for part in option), password=f"{password}\n")
    assert failed.returncode == 1
    assert "Nobody was registered" in failed.stderr
    assert password == "long enough" or password not in failed.stderr
    assert sql("SELECT FROM clinics WHERE name = $1", good["--clinic"]) == []


def test_staff_work_from_the_clinic_only(
    inside: httpx.Client, register_staff: Any, sign_in: Any, bearer: Any, reason: Any
) -> None:
    headers = bearer(sign_in(at=inside, email=register_staff()["email"]))
    assert inside.get("/v1/me", headers=headers).status_code == 200
    outside = inside.get("/v1/me", headers=headers | {"X-Forwarded-For": "203.0.113.7"})
    assert (outside.status_code, reason(outside)) == (403, "outside-the-clinic")


OUTSIDE = {"X-Forwarded-For": "203.0.113.7"}


def test_staff_do_not_sign_in_from_elsewhere_as_if_the_password_were_wrong(
    inside: httpx.Client, register_staff: Any, sign_in: Any
) -> None:
    email = register_staff()["email"]
    wrong = sign_in("another password", at=inside, email=email)
    inside.headers.update(OUTSIDE)
    outside = sign_in(at=inside, email=email)
    assert (outside.status_code, outside.text) == (401, wrong.text)


def test_a_member_of_staff_who_leaves_the_clinic_goes_on_once_they_are_back(
    inside: httpx.Client, register_staff: Any, sign_in: Any
) -> None:
    session = {"refresh_token": sign_in(at=inside, email=register_staff()["email"]).json()["refresh_token"]}
    unknown = inside.post("/v1/sessions/refresh", json={"refresh_token": "A" * 64})
    outside = inside.post("/v1/sessions/refresh", json=session, headers=OUTSIDE)
    assert (outside.status_code, outside.text) == (401, unknown.text)
    assert inside.post("/v1/sessions/refresh", json=session).status_code == 201


def test_staff_do_not_get_in_through_a_proxy_that_nobody_configured(
    stack: Any, register_staff: Any, sign_in: Any, bearer: Any, reason: Any
) -> None:
    email = register_staff()["email"]
    with replica.running(stack, TRUSTED_PROXIES="") as behind:
        session = sign_in(at=behind, email=email)
        assert behind.get("/v1/me", headers=bearer(session)).status_code == 200

        behind.headers.update(OUTSIDE)
        outside = behind.get("/v1/me", headers=bearer(session))
        assert (outside.status_code, reason(outside)) == (403, "outside-the-clinic")
        refresh = {"refresh_token": session.json()["refresh_token"]}
        assert behind.post("/v1/sessions/refresh", json=refresh).status_code == 401
        assert sign_in(at=behind, email=email).status_code == 401


def test_patients_sign_in_and_stay_from_anywhere(
    inside: httpx.Client, sign_up: Any, sign_in: Any, new_patient: Any
) -> None:
    person = new_patient()
    sign_up(person)
    inside.headers.update(OUTSIDE)
    session = sign_in(at=inside, cpf=person["cpf"])
    assert session.status_code == 201
    refresh = {"refresh_token": session.json()["refresh_token"]}
    assert inside.post("/v1/sessions/refresh", json=refresh).status_code == 201


def test_a_doctor_joins_a_clinic_and_its_staff_act_for_them(
    inside: httpx.Client,
    run: Run,
    register_staff: Any,
    sign_in: Any,
    sign_up: Any,
    new_doctor: Any,
    bearer: Any,
) -> None:
    staff, doctor = register_staff(f"Clínica {uuid4()}"), new_doctor()
    doctor_id = sign_up(doctor).json()["id"]
    headers = bearer(sign_in(at=inside, email=staff["email"]))
    assert inside.get(f"/v1/doctors/{doctor_id}/slots", headers=headers).status_code == 404
    done = run("--clinic", staff["clinic"], "--doctor", f"0{doctor['crm']}/{doctor['crm_state']}", password="")
    assert (done.returncode, done.stdout.strip()) == (0, doctor_id), done.stderr
    assert inside.get(f"/v1/doctors/{doctor_id}/slots", headers=headers).status_code == 200


def test_what_does_not_let_a_doctor_join_is_named(
    run: Run, register_staff: Any, sign_up: Any, new_doctor: Any, sql: Any
) -> None:
    clinic, doctor = register_staff()["clinic"], new_doctor()
    doctor_id = sign_up(doctor).json()["id"]
    crm, nowhere = f"{doctor['crm']}/{doctor['crm_state']}", f"Clínica {uuid4()}"
    for status, named, options in (
        (1, nowhere, ("--clinic", nowhere, "--doctor", crm)),
        (1, f"{doctor['crm']}/AC", ("--clinic", clinic, "--doctor", f"{doctor['crm']}/AC")),
        (1, "crm_state", ("--clinic", clinic, "--doctor", doctor["crm"])),
        (1, "crm:", ("--clinic", clinic, "--doctor", "Ana/SP")),
        (2, "--doctor", ("--clinic", clinic, "--doctor", crm, "--name", "Rita")),
        (2, "--email", ("--clinic", clinic, "--name", "Rita")),
    ):
        failed = run(*options, password="")
        assert (failed.returncode, named in failed.stderr) == (status, True), failed.stderr
    assert sql("SELECT clinic_id FROM doctors WHERE id = $1", UUID(doctor_id))[0]["clinic_id"] is None
    assert sql("SELECT FROM clinics WHERE name = $1", nowhere) == []
