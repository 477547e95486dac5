"""A swarm and its objectives in a test suite of your own: the mark `slo` and the fixtures `slo_run` and `swarm`.

    @pytest.mark.slo("race", patients=500, slots=100, doctors=10)
    def test_the_race_keeps_its_objectives(slo_run):
        slo_run.check()

docs/ci.md explains it. Nothing but pytest is imported before a test asks for a swarm.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

if TYPE_CHECKING:
    from slotrush.gate import Verdict
    from slotrush.run import RunOptions
    from slotrush.summary import Summary

MARK: Final = "slo(scenario, slo=None, **options): the scenario that is played for the fixture slo_run"
_SIZES: Final = {"patients": "users", "think_time": "think"}
"""Options of the command line that a scenario knows by another name."""
_OF_THE_SCENARIO: Final = frozenset(
    {"users", "run_time_s", "model", "think", "arrivals", "doctors", "slots", "drop_window_s"}
)
_PATHS: Final = frozenset({"sessions", "allow_list"})
_RUNS: Final = pytest.StashKey[list["SloRun"]]()


@dataclass(frozen=True)
class SloRun:
    """A run that is over: its folder, with the record and the reports, its figures, and the gate's verdict."""

    folder: Path
    summary: "Summary"
    verdict: "Verdict"

    @property
    def passed(self) -> bool:
        """Whether every objective is met."""
        return self.verdict.exit_code == 0

    def check(self) -> None:
        """Fail the test, naming each objective that is missed or undecided, unless every objective is met."""
        __tracebackhide__ = True
        if not self.passed:
            pytest.fail(str(self), pytrace=False)

    def __str__(self) -> str:
        return "\n".join([self.headline, *self._objectives()])

    @property
    def headline(self) -> str:
        from slotrush.gate import words  # noqa: PLC0415

        return f"{words.headline(self.verdict)} ({self.verdict.scenario}, {self.folder})"

    def _objectives(self) -> Iterator[str]:
        from slotrush.gate import words  # noqa: PLC0415

        for one in self.verdict.results:
            yield f"  {words.OUTCOMES[one.outcome]}: {one.objective.name}: {words.sentence(one)}"


Swarm = Callable[..., SloRun]


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("slotrush", "swarms and their objectives")
    group.addoption("--slo-results", type=Path, metavar="DIR", help="keep the runs and their reports in this folder")
    group.addoption("--slo-file", type=Path, metavar="FILE", help="objectives for tests that name none of their own")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", MARK)
    config.stash[_RUNS] = []


@pytest.fixture(scope="session")
def _play(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Swarm:
    """Play a scenario and judge it. It is a run of its own each time."""
    kept = pytestconfig.getoption("slo_results")
    results = tmp_path_factory.mktemp("slotrush") if kept is None else kept.resolve()

    def play(scenario: str, slo: Path | None, given: dict[str, Any]) -> SloRun:
        run = _played(scenario, slo or pytestconfig.getoption("slo_file"), results, given)
        pytestconfig.stash[_RUNS].append(run)
        return run

    return play


@pytest.fixture(scope="session")
def _played_already() -> dict[str, SloRun]:
    return {}


@pytest.fixture
def swarm(request: pytest.FixtureRequest, _play: Swarm) -> Swarm:
    """`swarm("race", patients=500)` plays a scenario against a stack of its own and gives a `SloRun`."""

    def swarm(scenario: str, slo: str | Path | None = None, **given: Any) -> SloRun:
        return _play(scenario, _beside(request.path, slo), given)

    return swarm


@pytest.fixture
def slo_run(request: pytest.FixtureRequest, _play: Swarm, _played_already: dict[str, SloRun]) -> SloRun:
    """The `SloRun` of the test's mark `slo`. Tests with the same mark look at the same run."""
    mark = request.node.get_closest_marker("slo")
    if mark is None or len(mark.args) != 1:
        pytest.fail('slo_run needs a mark with a scenario: @pytest.mark.slo("race", patients=500)', pytrace=False)
    given = dict(mark.kwargs)
    slo = _beside(request.path, given.pop("slo", None))
    asked = repr((mark.args, slo, sorted(given.items())))
    if asked not in _played_already:
        _played_already[asked] = _play(mark.args[0], slo, given)
    return _played_already[asked]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A mark that nobody looks at would pass whatever the system does."""
    for item in items:
        if item.get_closest_marker("slo") is not None and "slo_run" not in getattr(item, "fixturenames", ()):
            raise pytest.UsageError(f"{item.nodeid} has the mark slo, but does not ask for the fixture slo_run")


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Each run in a line, with the folder of its report."""
    if runs := config.stash[_RUNS]:
        terminalreporter.section("slotrush")
        for run in runs:
            terminalreporter.line(run.headline)


def _played(scenario: str, slo: Path | None, results: Path, given: dict[str, Any]) -> SloRun:
    """Fails the test for bad input, and for a part that does not start or dies."""
    from contextlib import closing  # noqa: PLC0415
    from io import StringIO  # noqa: PLC0415

    from rich.console import Console  # noqa: PLC0415

    from slotrush import run  # noqa: PLC0415
    from slotrush import slo as objectives  # noqa: PLC0415
    from slotrush.errors import SlotrushError  # noqa: PLC0415
    from slotrush.gate import judge  # noqa: PLC0415
    from slotrush.runs import record  # noqa: PLC0415

    said, wrong = StringIO(), ""
    try:
        wanted = objectives.load(slo)
        folder, summed = run.run(_options(scenario, slo, results, given), Console(file=said, width=160))
        with closing(record.open_finished(folder)) as connection:
            return SloRun(folder, summed, judge(connection, wanted))
    except SlotrushError as error:
        wrong = str(error)
    pytest.fail(f"{wrong}\n{said.getvalue()}", pytrace=False)


def _options(scenario: str, slo: Path | None, results: Path, given: dict[str, Any]) -> "RunOptions":
    """The options of the command line, by the same names. Raises BadInputError."""
    from dataclasses import fields  # noqa: PLC0415

    from slotrush.cli.racing import played  # noqa: PLC0415
    from slotrush.errors import BadInputError  # noqa: PLC0415
    from slotrush.run import RunOptions  # noqa: PLC0415

    named = {_SIZES.get(name, name): value for name, value in given.items()}
    known = {field.name for field in fields(RunOptions)} - {"scenario", "plays", "results", "slo"}
    for name, value in named.items():
        if name not in known | _OF_THE_SCENARIO:
            raise BadInputError(
                f"{name}={value!r}",
                "there is no such option of a swarm",
                f"Use one of: {', '.join(sorted(known | _OF_THE_SCENARIO | _SIZES.keys()))}",
            )
    sizes = {name: value for name, value in named.items() if name in _OF_THE_SCENARIO}
    rest: dict[str, Any] = {name: value for name, value in named.items() if name in known}
    rest |= {name: Path(rest[name]) for name in _PATHS & rest.keys()}
    rest["slo"] = slo if rest.get("abort_on_fail") else None
    return RunOptions(scenario, played(scenario, sizes), results=results, **rest)


def _beside(test_file: Path, slo: str | Path | None) -> Path | None:
    """A file of objectives is named from the folder of the test that names it."""
    return None if slo is None else test_file.parent / slo
