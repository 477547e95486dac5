"""What lies in dashboards/generated: that it is what the objectives make of it, and how every dashboard is made."""

import json
import re
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import yaml

from dashboards import documents, pictures, stale, write
from dashboards.alerts import HPA
from dashboards.all import GENERATED, RULES
from slotrush import REPOSITORY, slo
from slotrush.slo import Availability, Latency

MADE = documents(slo.load())
BOARDS = {name: json.loads(text) for name, text in MADE.items() if name.endswith(".json")}
PICTURES = REPOSITORY / "docs" / "dashboards"
VARIABLES = ["datasource", "namespace", "run", "job"]
each_board = pytest.mark.parametrize("board", BOARDS.values(), ids=list(BOARDS))


def panels(board: dict[str, Any]) -> list[dict[str, Any]]:
    return [panel for panel in board["panels"] if panel["type"] != "row"]


def thresholds(board: dict[str, Any], title: str) -> list[float | None]:
    (panel,) = [panel for panel in panels(board) if panel["title"] == title]
    return [step["value"] for step in panel["fieldConfig"]["defaults"]["thresholds"]["steps"]]


def test_what_is_committed_is_what_is_generated() -> None:
    assert stale(MADE, GENERATED) == [], "run: python -m dashboards docs/dashboards"


def test_the_pictures_are_those_of_the_dashboards() -> None:
    drawn = pictures.documents(MADE)

    assert {path.name: path.read_text(encoding="utf-8") for path in PICTURES.glob("*.svg")} == drawn


def test_each_picture_is_shown_in_the_documentation() -> None:
    text = (REPOSITORY / "docs" / "dashboards.md").read_text(encoding="utf-8")

    assert [path.name for path in PICTURES.glob("*.svg") if f"](dashboards/{path.name})" not in text] == []


def test_files_that_are_old_missing_or_too_many_are_found(tmp_path: Path) -> None:
    write(MADE, tmp_path)
    assert stale(MADE, tmp_path) == []

    (tmp_path / "race.json").write_text("{}")
    (tmp_path / RULES).unlink()
    (tmp_path / "former.json").write_text("{}")

    assert stale(MADE, tmp_path) == ["former.json", "race.json", RULES]


def test_only_what_differs_is_written(tmp_path: Path) -> None:
    write(MADE, tmp_path)
    (tmp_path / "race.json").write_text("{}")

    assert write(MADE, tmp_path) == ["race.json"]


@each_board
def test_a_dashboard_is_found_by_its_variables(board: dict[str, Any]) -> None:
    assert [one["name"] for one in board["templating"]["list"]] == VARIABLES


@each_board
def test_dashboards_link_to_all_others_and_take_time_and_choice_along(board: dict[str, Any]) -> None:
    others = {f"/d/{one['uid']}" for one in BOARDS.values()} - {f"/d/{board['uid']}"}

    assert {link["url"] for link in board["links"]} == others
    assert all(link["includeVars"] and link["keepTime"] for link in board["links"])


@each_board
def test_dashboards_show_the_marks_of_runs_and_are_not_edited_by_hand(board: dict[str, Any]) -> None:
    (marks,) = board["annotations"]["list"]

    assert (marks["target"]["tags"], board["editable"]) == (["slotrush"], False)


@each_board
def test_every_panel_says_in_a_sentence_what_it_shows(board: dict[str, Any]) -> None:
    assert [one["title"] for one in panels(board) if not one["description"].endswith(".")] == []


@each_board
def test_every_panel_has_an_id_of_its_own_and_covers_no_other(board: dict[str, Any]) -> None:
    places = [panel["gridPos"] for panel in board["panels"]]

    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])
    assert all(place["x"] + place["w"] <= 24 for place in places)
    assert not [pair for pair in combinations(places, 2) if _overlap(*pair)]


@each_board
def test_every_query_is_of_the_chosen_namespace(board: dict[str, Any]) -> None:
    queries = [target["expr"] for panel in panels(board) for target in panel["targets"]]

    assert [one for one in queries if 'namespace=~"$namespace"' not in one and "ALERTS{" not in one] == []


@each_board
def test_every_query_asks_the_chosen_data_source(board: dict[str, Any]) -> None:
    sources = {target["datasource"]["uid"] for panel in panels(board) for target in panel["targets"]}

    assert sources == {"${datasource}"}


def test_thresholds_are_those_of_the_objectives() -> None:
    objectives = slo.load()
    held = [one for one in objectives.every if isinstance(one, Availability | Latency)]
    (availability,) = [one for one in objectives.of("race") if isinstance(one, Availability)]
    slowest_s = max(one.threshold_ms / 1000 for one in objectives.of("race") if isinstance(one, Latency))

    assert thresholds(BOARDS["race.json"], "Answered as promised") == [None, availability.target]
    assert thresholds(BOARDS["race.json"], "Response time") == [None, slowest_s]
    assert thresholds(BOARDS["scaling.json"], "Availability") == [None, availability.target]
    shown = [
        panel["fieldConfig"]["defaults"]["thresholds"]["steps"][1]["value"]
        for panel in panels(BOARDS["availability.json"])
        if panel["title"] == "Share as promised"
    ]
    assert shown == [one.target for one in held]


def test_other_objectives_make_other_dashboards_and_rules(tmp_path: Path) -> None:
    changed = tmp_path / "slo.yaml"
    changed.write_text(slo.load().path.read_text().replace("target: 0.999", "target: 0.995"))

    made = documents(slo.load(changed))

    board = json.loads(made["race.json"])
    assert thresholds(board, "Answered as promised") == [None, 0.995]
    assert stale(made, GENERATED) == ["availability.json", "race.json", RULES, "scaling.json"]


def test_alerts_name_a_dashboard_that_is_there() -> None:
    groups = yaml.safe_load(MADE[RULES])["groups"]
    alerts = [rule for group in groups for rule in group["rules"] if "alert" in rule]

    assert {one["annotations"]["dashboard_uid"] for one in alerts} <= {board["uid"] for board in BOARDS.values()}
    assert all(re.fullmatch(r"Booking[A-Za-z]+", one["alert"]) for one in alerts)
    assert {one["labels"]["severity"] for one in alerts} == {"page", "ticket"}


def test_the_autoscaler_is_the_one_that_is_applied() -> None:
    manifest = yaml.safe_load((REPOSITORY / "k8s" / "base" / "hpa.yaml").read_text())

    assert manifest["metadata"]["name"] == HPA == manifest["spec"]["scaleTargetRef"]["name"]


def _overlap(one: dict[str, int], other: dict[str, int]) -> bool:
    return (
        one["x"] < other["x"] + other["w"]
        and other["x"] < one["x"] + one["w"]
        and one["y"] < other["y"] + other["h"]
        and other["y"] < one["y"] + one["h"]
    )
