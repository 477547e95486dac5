"""A plan's JSON: written, read back, and refused where it is none."""

import json
from pathlib import Path
from typing import Any

import pytest

from slotrush.capacity.intervals import Interval
from slotrush.capacity.plan_document import SCHEMA_VERSION, PlanDocument, Span
from slotrush.errors import BadInputError
from tests.slotrush.plan.planned import document


def test_what_is_written_is_read_back_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    path.write_text(document().to_json())

    assert PlanDocument.read(path) == document()


def test_the_file_is_plain_json_without_infinities() -> None:
    content = json.loads(document().to_json(), parse_constant=pytest.fail)

    assert content["schema_version"] == SCHEMA_VERSION
    assert content["made_on"] == "2026-11-21"
    assert content["law"]["knee_replicas"]["high"] is None, "contention may be none at all"


def test_an_infinite_end_is_none() -> None:
    assert Span.of(Interval(1.0, 2.0, float("inf"))) == Span(1.0, 2.0, None)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"schema_version": 99}, "schema_version"),
        ({"limits": "many"}, "limits"),
        ({"answer": {}}, "answer.holds"),
    ],
    ids=["another version", "no list", "half of it"],
)
def test_what_is_no_plan_is_refused_with_the_place(change: dict[str, Any], problem: str) -> None:
    content = json.loads(document().to_json()) | change

    with pytest.raises(BadInputError, match=problem):
        PlanDocument.from_json(json.dumps(content))


@pytest.mark.parametrize("text", ["", "[]", "{"], ids=["empty", "a list", "half"])
def test_what_is_no_object_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    path.write_text(text)

    with pytest.raises(BadInputError, match="it is no plan"):
        PlanDocument.read(path)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match=r"nowhere\.json"):
        PlanDocument.read(tmp_path / "nowhere.json")
    (tmp_path / "picture.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BadInputError, match="it is no text"):
        PlanDocument.read(tmp_path / "picture.json")
