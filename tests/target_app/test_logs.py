import logging
from typing import Any
from uuid import uuid4

import httpx
import pytest

from target_app.identity.documents import cpf_with_check_digits
from target_app.logs import Seldom
from tests.attacks import Attacks


def test_what_there_is_often_reason_to_warn_of_is_warned_of_seldom(caplog: pytest.LogCaptureFixture) -> None:
    now_s = 100.0
    seldom = Seldom(pause_s=1.0, now_s=lambda: now_s)
    for now_s in (100.0, 100.5, 100.99, 101.0, 101.5, 200.0):
        seldom.warn(logging.getLogger("seldom"), "at %.1f s", now_s)
    assert [record.getMessage() for record in caplog.records] == ["at 100.0 s", "at 101.0 s", "at 200.0 s"]


def test_no_log_of_the_system_has_what_people_send(
    stack: Any,
    patient: Any,
    book: Any,
    publish: Any,
    tmp_path_factory: pytest.TempPathFactory,
    attack: Attacks,
) -> None:
    """Right or wrong, accepted or refused, and with texts that the database itself refuses."""
    marks = {name: f"{name}{uuid4().hex}" for name in ("password", "name", "email", "reason", "key", "path", "query")}
    cpf = cpf_with_check_digits(860_000_000)
    person = {
        "name": marks["name"],
        "email": f"{marks['email']}@mail.example",
        "cpf": cpf,
        "password": marks["password"],
    }
    appointment = book(patient, publish()[0], key=marks["key"]).json()["id"]
    cancelled = f"/v1/appointments/{appointment}/cancel"
    for url in (stack.base_url, *stack.replica_urls):
        with httpx.Client(base_url=url, timeout=30) as client:
            headers = patient.headers(str(uuid4()))
            client.post("/v1/patients", json=person, headers=headers)
            client.post("/v1/patients", json=person | {"cpf": cpf[::-1]}, headers=headers)
            client.post("/v1/sessions", json={"cpf": cpf, "password": marks["password"]})
            client.post("/v1/sessions", json={"cpf": cpf, "password": marks["password"] + "\0"})
            client.post("/v1/sessions/refresh", json={"refresh_token": marks["password"]})
            client.post(cancelled, json={"reason": marks["reason"] + "\0"}, headers=headers)
            client.post(cancelled, json={"reason": marks["reason"]}, headers=headers)
            client.post("/v1/records", content=b'{"name": "' + marks["name"].encode(), headers=headers)
            client.get(f"/{marks['path']}", headers=headers)
            client.get(f"/v1/doctors/{marks['path']}", params={"name": marks["query"] + "\0"}, headers=headers)
            client.get("/v1/doctors", params={"name": marks["query"] + "\0", "after": marks["query"]}, headers=headers)
            client.get("/v1/me", headers={"Authorization": f"Bearer {marks['password']}.{patient.token}"})
    logs = sorted((tmp_path_factory.getbasetemp() / "stack0" / "logs").glob("*.log"))
    assert len(logs) >= 5
    for secret in (*marks.values(), cpf, patient.token.rpartition(".")[2]):
        for log in logs:
            assert secret.encode() not in log.read_bytes(), log.name
            attack("secrets in what a run leaves behind").tried("not there")
