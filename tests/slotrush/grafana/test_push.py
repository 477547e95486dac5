"""`slotrush dashboards push`, as it is typed, to a server that answers as Grafana documents it."""

import http.server
from collections.abc import Iterator
from contextlib import closing
from copy import deepcopy
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from slotrush.cli import app
from slotrush.runs import record
from tests.serving import answering
from tests.slotrush.grafana import grafana_stand_in
from tests.slotrush.grafana.grafana_stand_in import ADMIN, PROMETHEUS, VIEWER, Contents

UIDS = {
    "slotrush-race",
    "slotrush-availability",
    "slotrush-scaling",
    "slotrush-data",
    "slotrush-notifications",
}
EVENTS = [
    (1_000_000, "connect", "20 users"),
    (5_000_000, "drop", ""),
    (6_000_000, "fault", '{"fault": "kill-replica", "replica": 2}'),
    (8_000_000, "scaled", '{"from": 2, "to": 6}'),
    (9_000_000, "drained", ""),
]


@pytest.fixture
def contents() -> Contents:
    return Contents()


@pytest.fixture
def url(contents: Contents) -> Iterator[str]:
    with grafana_stand_in.served(contents) as url:
        yield url


def push(url: str, *words: str, token: str = ADMIN) -> Result:
    environment = {"GRAFANA_TOKEN": token, "GRAFANA_URL": ""}
    return CliRunner().invoke(app, ["dashboards", "push", "--grafana", url, *words], env=environment)


def keep_run(folder: Path, events: list[tuple[int, str, str]]) -> Path:
    with closing(record.create(folder / record.RECORD_NAME)) as connection:
        record.put_meta(connection, run_id="race-20261121-140000-7f3a")
        for at_us, name, detail in events:
            record.add_event(connection, at_us, name, detail)
    return folder


def test_the_first_time_everything_is_made(contents: Contents, url: str) -> None:
    result = push(url)

    assert result.exit_code == 0, result.output
    assert contents.folders["slotrush"]["title"] == "Slotrush"
    assert set(contents.dashboards) == UIDS
    assert {one["meta"]["folderUid"] for one in contents.dashboards.values()} == {"slotrush"}
    assert "version 12.3.0, data source Prometheus" in result.stdout


def test_the_second_time_nothing_is_done(contents: Contents, url: str) -> None:
    push(url)
    writes = contents.writes

    result = push(url)

    assert (result.exit_code, contents.writes) == (0, writes)
    assert "nothing to do" in result.stdout


def test_a_dry_run_says_what_it_would_do_and_does_nothing(contents: Contents, url: str) -> None:
    result = push(url, "--dry-run", "--folder", "Booking")

    assert (result.exit_code, contents.writes) == (0, 0)
    assert "would make the folder Booking" in result.stdout
    assert "would add the dashboard race.json" in result.stdout


def test_what_somebody_changed_in_the_browser_is_shown_and_put_right(contents: Contents, url: str) -> None:
    push(url)
    generated = deepcopy(contents.dashboards["slotrush-race"]["dashboard"])
    contents.dashboards["slotrush-race"]["dashboard"]["title"] = "My race"

    shown = push(url, "--dry-run").stdout
    put_right = push(url).stdout

    assert '-  "title": "My race",' in shown
    assert '+  "title": "slotrush: Race",' in shown
    assert put_right.splitlines()[1:] == ["change the dashboard race.json"]
    assert contents.dashboards["slotrush-race"]["dashboard"] == {**generated, "version": 2, "id": 6}


def test_a_dashboard_that_was_moved_is_moved_back(contents: Contents, url: str) -> None:
    push(url)
    contents.dashboards["slotrush-data"]["meta"]["folderUid"] = "elsewhere"

    assert "move the dashboard data.json" in push(url).stdout
    assert contents.dashboards["slotrush-data"]["meta"]["folderUid"] == "slotrush"


def test_dashboards_show_the_data_source_that_was_found(contents: Contents, url: str) -> None:
    push(url)

    variables = contents.dashboards["slotrush-race"]["dashboard"]["templating"]["list"]
    assert [one["current"]["value"] for one in variables if one["type"] == "datasource"] == ["prom"]


def test_what_happened_in_a_run_is_marked_once(contents: Contents, url: str, tmp_path: Path) -> None:
    run = keep_run(tmp_path, EVENTS)

    push(url, "--run", str(run))
    push(url, "--run", str(run))

    assert [(one["time"], one["text"].partition(": ")[2]) for one in contents.annotations] == [
        (5_000, "the drop: slots are published"),
        (6_000, "fault (fault kill-replica, replica 2)"),
        (8_000, "replicas (from 2, to 6)"),
        (9_000, "everyone has their last answer"),
    ]
    assert contents.annotations[1]["tags"] == ["slotrush", "race-20261121-140000-7f3a", "fault"]


def test_marks_beyond_the_first_hundred_are_found_again(contents: Contents, url: str, tmp_path: Path) -> None:
    run = keep_run(tmp_path, [(second * 1_000_000, "scaled", str(second)) for second in range(150)])

    push(url, "--run", str(run))
    push(url, "--run", str(run))

    assert len(contents.annotations) == 150


def test_a_grafana_below_a_path_is_found(contents: Contents) -> None:
    contents.prefix = "/grafana"
    with grafana_stand_in.served(contents) as url:
        assert push(url).exit_code == 0
        assert push(f"{url}/").exit_code == 0


def test_one_of_several_data_sources_is_chosen_by_name_or_uid(contents: Contents, url: str) -> None:
    contents.sources = [
        PROMETHEUS | {"isDefault": False},
        PROMETHEUS | {"uid": "other", "name": "Other", "isDefault": False},
    ]

    assert "data source Other" in push(url, "--data-source", "Other").stdout
    assert "data source Other" in push(url, "--data-source", "other").stdout


@pytest.mark.parametrize(
    ("change", "words", "token", "said"),
    [
        ({}, [], "glsa_expired", ["it does not know the token", "GRAFANA_TOKEN"]),
        ({}, [], "", ["there is no token", "GRAFANA_TOKEN"]),
        ({}, [], VIEWER, ["403", "additional permissions", "the permission datasources:read"]),
        ({"version": "10.4.2"}, [], ADMIN, ["it is version 10.4.2", "12 or later"]),
        ({"version": ""}, [], ADMIN, ["it is version", "12 or later"]),
        ({"sources": []}, [], ADMIN, ["does not have one data source", "it has none", "Add one"]),
        ({"sources": [PROMETHEUS | {"type": "loki"}]}, [], ADMIN, ["does not have one data source"]),
        (
            {"sources": [PROMETHEUS | {"isDefault": False}, PROMETHEUS | {"uid": "b", "isDefault": False}]},
            [],
            ADMIN,
            ["Name one with --data-source"],
        ),
        ({}, ["--data-source", "Mimir"], ADMIN, ["data source Mimir", "it has Prometheus"]),
        ({"sick": {"prom"}}, [], ADMIN, ["data source Prometheus", "connection refused", "Test it"]),
        ({"prefix": "/grafana"}, [], ADMIN, ["404", "Check the URL, also its path"]),
        ({}, ["--run", "/nowhere"], ADMIN, ["run /nowhere", "no run record"]),
    ],
    ids=[
        "unknown token",
        "no token",
        "rights",
        "too old",
        "no version",
        "no data source",
        "no Prometheus",
        "several",
        "unknown data source",
        "sick data source",
        "another path",
        "no run",
    ],
)
def test_what_is_wrong_is_said_with_its_mend(
    change: dict[str, object], words: list[str], token: str, said: list[str]
) -> None:
    contents = Contents(**change)  # type: ignore[arg-type]
    with grafana_stand_in.served(contents) as url:
        result = push(url.removesuffix("/grafana"), *words, token=token)

    assert result.exit_code == 2, result.output
    assert [one for one in said if one not in result.stderr.replace("\n", " ")] == []
    assert contents.writes == 0


def test_a_run_in_which_nothing_happened_has_no_marks(url: str, tmp_path: Path) -> None:
    result = push(url, "--run", str(keep_run(tmp_path, [(1, "connect", "")])))

    assert (result.exit_code, "nothing happened" in result.stderr) == (2, True)


def test_a_server_that_is_no_grafana_is_told_from_one(tmp_path: Path) -> None:
    (tmp_path / "api").mkdir()
    (tmp_path / "api" / "health").write_text("<html>fine</html>")

    class Files(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *request: object) -> None:
            super().__init__(*request, directory=str(tmp_path))  # type: ignore[arg-type]

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with answering(http.server.ThreadingHTTPServer(("127.0.0.1", 0), Files)) as server:
        result = push(f"http://127.0.0.1:{server.server_port}")

    assert (result.exit_code, "not like a Grafana" in result.stderr) == (2, True)


@pytest.mark.parametrize("url", ["grafana.example.org", "ftp://grafana.example.org", "http://"])
def test_a_url_that_is_none_is_refused(url: str) -> None:
    result = push(url)

    assert (result.exit_code, "it is no URL" in result.stderr) == (2, True)


def test_nobody_at_home_is_said_without_the_password(free_port: int) -> None:
    result = push(f"http://admin:secret@127.0.0.1:{free_port}", token="")

    assert (result.exit_code, "cannot be reached" in result.stderr, "secret" in result.output) == (2, True, False)
