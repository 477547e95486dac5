"""`slotrush swarm` and `slotrush race`, as they are typed; what they start is run in tests/e2e."""

from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from slotrush import run as runs
from slotrush.cli import app
from slotrush.cli.racing import played, seconds
from slotrush.errors import BadInputError
from slotrush.swarm.scenario import SCENARIOS


def run(*words: str) -> Result:
    return CliRunner().invoke(app, list(words))


def test_without_a_name_the_scenarios_are_listed() -> None:
    result = run("swarm")

    assert result.exit_code == 0
    assert all(name in result.output for name in SCENARIOS)


def test_an_unknown_scenario_lists_the_known_ones() -> None:
    result = run("swarm", "steady_dya")

    assert result.exit_code == 2
    assert "steady_dya" in result.output
    assert all(name in result.output for name in SCENARIOS)


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        pytest.param(["swarm", "nowhere.py"], "nowhere.py", id="no such file"),
        pytest.param(["swarm", "race", "--think-time", "none"], "--think-time", id="think time of a drop"),
        pytest.param(["swarm", "race", "--run-time", "9"], "--run-time", id="run time of a drop"),
        pytest.param(["swarm", "race", "--model", "open"], "--model open", id="model of a drop"),
        pytest.param(["swarm", "soak", "--model", "drop"], "--model drop", id="a drop without one"),
        pytest.param(["swarm", "soak", "--drop-window-s", "1"], "--drop-window-s", id="window without a drop"),
        pytest.param(["swarm", "soak", "--arrivals", "poisson:9"], "--model open", id="arrivals of who thinks"),
        pytest.param(["swarm", "soak", "--model", "open"], "--arrivals", id="open without arrivals"),
        pytest.param(["swarm", "soak", "--run-time", "soon"], "--run-time soon", id="no time span"),
        pytest.param(["swarm", "soak", "--run-time", "0"], "--run-time 0", id="no time"),
        pytest.param(["swarm", "soak", "--think-time", "often"], "often", id="no think time"),
        pytest.param(["swarm", "spike", "--arrivals", "poisson:x"], "poisson:x", id="no rate"),
        pytest.param(["swarm", "spike", "--arrivals", "trace:/nowhere.csv"], "/nowhere.csv", id="no trace"),
        pytest.param(["swarm", "soak", "-u", "0"], "--users 0", id="no users"),
        pytest.param(["swarm", "soak", "-u", "0", "--headless"], "--users 0", id="no users and no page"),
        pytest.param(["swarm", "soak", "--headless", "--web-port", "1"], "--web-port 1", id="a page and none"),
        pytest.param(["swarm", "soak", "--host", "http://127.0.0.1:1"], "--sessions", id="host without people"),
    ],
)
def test_wrong_options_are_refused_before_anything_starts(
    tmp_path: Path, words: list[str], complaint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    result = run(*words)

    assert result.exit_code == 2, result.output
    assert complaint in result.output
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("words", "wanted"), [((), True), (("--no-floor",), False)], ids=["a race", "without it"])
def test_the_floor_is_measured_unless_it_is_refused(
    monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], wanted: bool
) -> None:
    asked: list[runs.RunOptions] = []

    def play(options: runs.RunOptions, _console: object) -> None:
        asked.append(options)
        raise BadInputError("the race", "it is not run here", "See tests/e2e")

    monkeypatch.setattr(runs, "run", play)
    run("race", *words)

    assert [options.floor for options in asked] == [wanted]


def test_a_scenario_is_played_as_it_is_but_for_what_was_asked() -> None:
    own = SCENARIOS["spike"]
    asked: dict[str, Any] = {"users": 7, "arrivals": "poisson:1", "run_time_s": 5.0}

    plays = played("spike", asked)

    assert (plays.users, plays.arrivals, plays.run_time_s) == (7, "poisson:1", 5.0)
    assert (plays.doctors, plays.model, plays.needs_objects) == (own.doctors, "open", True)


def test_a_model_may_be_changed_where_users_go_on_and_on() -> None:
    assert played("soak", {"model": "open", "arrivals": "poisson:5"}).model == "open"
    assert played("steady_day", {"model": "closed"}).think == "exponential:20"


MINE = """
from slotrush.swarm.locust_events import install
from slotrush.swarm.scenario import Scenario
print("hello")
install(Scenario("ours", "open at night", "open", users=70, doctors=3, arrivals="constant:9"), lambda plan: None)
"""


def test_a_locustfile_of_ones_own_is_played_as_it_says_but_for_what_was_asked(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(MINE)

    plays = played(str(tmp_path / "mine.py"), {"users": 3})

    assert (plays.name, plays.model, plays.doctors, plays.arrivals) == ("ours", "open", 3, "constant:9")
    assert plays.users == 3


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        pytest.param("", "install", id="installs nothing"),
        pytest.param("import nothing_of_this_name", "nothing_of_this_name", id="cannot be imported"),
        pytest.param(MINE.replace('"open", users', '"opened", users'), "'opened'", id="no model"),
    ],
)
def test_a_file_that_is_no_scenario_is_bad_input(tmp_path: Path, content: str, complaint: str) -> None:
    (tmp_path / "mine.py").write_text(content)

    result = run("swarm", str(tmp_path / "mine.py"))

    assert result.exit_code == 2
    assert complaint in result.output


@pytest.mark.parametrize(
    ("text", "found"), [("90", 90), ("90s", 90), ("5m", 300), ("1h30m", 5_400), ("1h1m1s", 3_661), ("2h", 7_200)]
)
def test_a_time_span_is_written_as_for_locust(text: str, found: float) -> None:
    assert seconds(text) == found


@pytest.mark.parametrize("text", ["", "s", "5x", "1m1h", "-5", "1.5m", "5 m"])
def test_what_is_no_time_span_is_bad_input(text: str) -> None:
    with pytest.raises(BadInputError, match="--run-time"):
        seconds(text)
