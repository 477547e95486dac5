"""Sequences of requests, each made of what the answers before it said: all are answered as the documentation says.

A slot that was published is booked, moved or removed, what was booked is accepted, cancelled or moved, in any order
and with anything else around it; doctor, patient and staff take turns as the routes want them. FUZZ_SEQUENCES=200 tries
so many.
"""

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any, ClassVar, Final
from uuid import uuid4

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from target_app.app import create_app
from target_app.settings import Settings
from tests.attacks import Attack, Attacks

SEQUENCES: Final = int(os.environ.get("FUZZ_SEQUENCES", "15"))
STEPS: Final = 12
CHECKS: Final = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
DOCTORS: Final = ("/v1/slots", "/accept", "/decline", "/complete", "/no-show", "/prescriptions", "/slots")
"""Ends of the paths whose writes are a doctor's; all else is asked by the patient."""
STAFFS: Final = "/v1/notifications"
"""But for what begins so."""
LOSES_THE_ACCOUNT: Final = "DELETE /v1/me"
LINKS: Final[dict[tuple[str, int], dict[str, tuple[Any, str]]]] = {
    ("POST /v1/slots", 201): {
        "slot_id": ("$response.body#/slots/0/id", "/v1/slots/{slot_id}"),
        "body": ({"slot_id": "$response.body#/slots/0/id"}, "POST /v1/appointments"),
    },
    ("POST /v1/appointments", 201): {"appointment_id": ("$response.body#/id", "/v1/appointments/{appointment_id}")},
    ("POST /v1/appointments/{appointment_id}/accept", 200): {
        "appointment_id": ("$request.path.appointment_id", "/v1/appointments/{appointment_id}")
    },
    ("POST /v1/records", 201): {"record_id": ("$response.body#/id", "/v1/records/{record_id}")},
}
"""Which answers go on where: the parameter or the body that they give, and the operations that take it: one of them by
its name, or all whose path begins so."""


def linked(document: dict[str, Any]) -> dict[str, Any]:
    """The document, saying so in OpenAPI's own words."""
    operations = [(method, path) for path, methods in document["paths"].items() for method in methods]
    for (label, status), given in LINKS.items():
        source_method, source = label.split()
        links = document["paths"][source][source_method.lower()]["responses"][str(status)].setdefault("links", {})
        for name, (value, taker) in given.items():
            for method, path in operations:
                operation = f"{method.upper()} {path}"
                if operation == taker or (path.startswith(taker) and operation != label):
                    reference = f"#/paths/{path.replace('~', '~0').replace('/', '~1')}/{method}"
                    takes = {"requestBody": value} if name == "body" else {"parameters": {name: value}}
                    links[f"{operation} {name}"] = {"operationRef": reference} | takes
    return document


def schema() -> Any:
    found = schemathesis.openapi.from_dict(linked(create_app(Settings("", "", "", Path())).app.openapi()))
    found.config.phases.stateful.inference.algorithms = []  # it finds the same, and much that leads nowhere
    return found


SCHEMA: Final = schema()
_hours: Final = count(24)


class Conversation(SCHEMA.as_state_machine()):  # type: ignore[misc]  # made at run time
    base_url: ClassVar[str]
    headers: ClassVar[dict[str, dict[str, str]]]
    tried: ClassVar[Attack]
    good: ClassVar[set[str]] = set()
    """Operations that were answered well."""

    def get_call_kwargs(self, case: Any) -> dict[str, Any]:
        role = "patient"
        if case.path.startswith(STAFFS):
            role = "staff"
        elif case.method != "GET" and case.path.endswith(DOCTORS):
            role = "doctor"
        return {"base_url": self.base_url, "headers": self.headers[role]}

    def before_call(self, case: Any) -> None:
        """Where chance would take for ever: a key that is new, and a time that is free."""
        case.headers["Idempotency-Key"] = str(uuid4())
        if case.operation.label == "POST /v1/slots":
            start = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=next(_hours))
            case.body = {"slots": [{"starts_at": start.isoformat(), "minutes": 30}]}
            case.query = {}
        if case.operation.label == LOSES_THE_ACCOUNT:
            case.headers["Authorization"] = "Bearer none"

    def validate_response(self, response: Any, case: Any, **_: Any) -> None:
        self.tried.tried(f"{response.status_code // 100}xx, as documented")
        if response.status_code < 300:
            self.good.add(case.operation.label)
        case.validate_response(response, checks=CHECKS)


@pytest.fixture
def conversation(stack: Any, accounts: Any, patient: Any, doctor: Any, attack: Attacks) -> Iterator[type[Conversation]]:
    Conversation.base_url = stack.base_url
    staff = next(accounts.staff)
    Conversation.headers = {"patient": patient.headers(), "doctor": doctor.headers(), "staff": staff.headers()}
    Conversation.tried = attack("fuzzed sequences of requests")
    yield Conversation
    Conversation.good.clear()


def test_every_answer_of_a_sequence_is_documented(conversation: type[Conversation]) -> None:
    conversation.run(
        settings=settings(
            max_examples=SEQUENCES,
            stateful_step_count=STEPS,
            deadline=None,
            derandomize=True,
            database=None,
            phases=[Phase.explicit, Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
    )
    changed = {label for label in conversation.good if "{appointment_id}" in label and label.startswith("POST")}
    assert conversation.good >= {"POST /v1/slots", "POST /v1/appointments"}
    assert changed, "the sequences came somewhere"
