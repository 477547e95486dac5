"""The JSON of a check: what was written is read, and anything else is named."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from slotrush.elasticity.check import FILE_NAME, Judged, Local, Prediction, ScaleCheck, of_run
from slotrush.elasticity.measure import measure
from slotrush.errors import BadInputError
from slotrush.gate.interval import Estimate
from slotrush.gate.verdict import Outcome

FOLLOWED = measure(np.array([2.0, 4, 4]), np.array([2.0, 2, 4]), np.array([8.0, 8, 8]), 1.0)
PREDICTION = Prediction("run a", 0.7, 10.0, 20, 2.5, 2.75, 0.999, 0.9995, 5.0, (1.0, None), (1.0, 0.99))
LOCAL = Local(10.0, 80, "poisson:20@60s", 2, 2, 10.0, 1_000, 0, 0, FOLLOWED, PREDICTION)
CHECK = ScaleCheck(
    outcome=Outcome.PASS,
    autoscaler="app",
    namespace=None,
    run="spike-1",
    scenario="spike",
    first_s=100.0,
    last_s=103.0,
    results=(
        Judged("availability", Outcome.PASS, "", Estimate(1.0, 0.99, 1.0, 1_000, 6)),
        Judged("audit-clean", Outcome.PASS, "10 cases were checked", None),
    ),
    elasticity=FOLLOWED,
    step_s=1.0,
    replicas={"wanted": (2.0, 4.0, 4.0), "ready": (2.0, 2.0, 4.0)},
    local=LOCAL,
)


@pytest.mark.parametrize(
    "check", [CHECK, replace(CHECK, local=None, namespace="booking", run=None)], ids=["local", "cluster"]
)
def test_what_was_written_is_read_back(check: ScaleCheck) -> None:
    assert ScaleCheck.from_json(check.to_json()) == check


def test_the_errors_of_the_prediction_are_written_too() -> None:
    prediction = json.loads(CHECK.to_json())["local"]["prediction"]

    assert prediction["replicas_error"] == pytest.approx(0.1)
    assert prediction["availability_error_points"] == pytest.approx(0.05)


def test_a_run_has_its_check_in_its_folder_or_none(tmp_path: Path) -> None:
    assert of_run(tmp_path) is None

    (tmp_path / FILE_NAME).write_text(CHECK.to_json())

    assert of_run(tmp_path) == CHECK


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("no JSON", "something is missing or unknown"),
        ("[]", "no scale check of format 1"),
        ('{"format": 99}', "no scale check of format 1"),
        ('{"format": 1}', "KeyError"),
        (CHECK.to_json().replace('"rises"', '"falls"'), "falls"),
        (CHECK.to_json().replace('"outcome": "pass"', '"outcome": "fine"'), "fine"),
    ],
    ids=["text", "list", "other format", "empty", "unknown field", "unknown outcome"],
)
def test_anything_else_is_named(text: str, problem: str) -> None:
    with pytest.raises(BadInputError, match=problem):
        ScaleCheck.from_json(text, "a file")
