"""Whatever is sent to any documented route, by anybody, is answered as the documentation says, and never with a 5xx."""

import os
from pathlib import Path
from typing import Any, Final

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings, strategies
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from target_app.app import create_app
from target_app.settings import Settings
from tests.attacks import Attacks

EXAMPLES: Final = int(os.environ.get("FUZZ_EXAMPLES", "10"))
CHECKS: Final = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
SCHEMA: Final[Any] = schemathesis.openapi.from_dict(create_app(Settings("", "", "", Path())).app.openapi())
OPERATIONS: Final = [operation.ok() for operation in SCHEMA.get_all_operations()]


@pytest.fixture(scope="session")
def callers(accounts: Any) -> dict[str, dict[str, str]]:
    return {
        "patient": next(accounts.patients).headers(),
        "doctor": next(accounts.doctors).headers(),
        "staff": next(accounts.staff).headers(),
        "nobody": {},
    }


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.label)
def test_every_answer_is_documented(
    operation: Any, stack: Any, callers: dict[str, dict[str, str]], attack: Attacks
) -> None:
    fuzzed = attack("fuzzed requests")

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(), role=strategies.sampled_from(list(callers)))
    def ask(case: Any, role: str) -> None:
        answer = case.call_and_validate(base_url=stack.base_url, headers=callers[role], checks=CHECKS)
        assert answer.status_code < 400 or answer.json()["status"] == answer.status_code
        fuzzed.tried(f"{answer.status_code // 100}xx, as documented")

    ask()
