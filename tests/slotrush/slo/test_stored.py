"""Objectives inside another document."""

import json
from pathlib import Path

import pytest

from slotrush import slo
from slotrush.errors import BadInputError
from slotrush.slo import Objectives


def objectives(tmp_path: Path) -> Objectives:
    """Slotrush's own, with another threshold and an exception for a scenario."""
    own = slo.load()
    changed = own.path.read_text("utf-8").replace("fasterThanMs: 300", "fasterThanMs: 450")
    path = tmp_path / "slo.yaml"
    path.write_text(changed)
    return slo.load(path)


def test_what_is_stored_is_read_back_as_it_was(tmp_path: Path) -> None:
    of = objectives(tmp_path)
    stored = json.loads(json.dumps(slo.to_json(of)))

    assert of.every != slo.load().every
    read = slo.from_json(stored, "plan")
    assert slo.to_json(read) == stored
    assert [(one.name, one.target) for one in read.every if isinstance(one, slo.Latency)] == [
        (one.name, one.target) for one in of.every if isinstance(one, slo.Latency)
    ]
    assert str(tmp_path) not in json.dumps(stored), "whose machine it was on is nobody's business"
    assert {type(one) for one in of.every} == {slo.Availability, slo.Condition, slo.Latency, slo.Limit}
    assert of.scenarios


def test_a_scenario_may_be_named_path(tmp_path: Path) -> None:
    path = tmp_path / "slo.yaml"
    path.write_text(slo.load().path.read_text("utf-8").replace("name: race", "name: path"))
    of = slo.load(path)

    assert slo.from_json(slo.to_json(of), "plan").scenarios == of.scenarios


def test_what_is_no_objectives_is_refused_with_the_place() -> None:
    stored = slo.to_json(slo.load())

    with pytest.raises(BadInputError, match=r"plan.json: its objectives\.every cannot be read: Field required"):
        slo.from_json({key: value for key, value in stored.items() if key != "every"}, "plan.json")
    with pytest.raises(BadInputError, match=r"its objectives cannot be read"):
        slo.from_json("none", "plan.json")
