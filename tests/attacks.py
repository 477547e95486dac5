"""The attacks that tests try, and what came of them, counted by the tests themselves.

`pytest --security-table=docs/security.md` (scripts/security-table) runs the tests that attack, those with the fixture
`attack`, and writes their counts between the markers of the file. Its exit code is 1 when one of them failed, or when
an attack of the list below was not tried.
"""

from collections import Counter
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pytest

from slotrush.bench.section import Section

ATTACKS: Final = (
    "a route that is not for one's role",
    "somebody else's ids",
    "forged and tampered tokens",
    "forged tokens of an external issuer",
    "spent refresh tokens",
    "who is registered, by the answer",
    "who is registered, by the time of the answer",
    "guessing passwords",
    "a made-up client address",
    "SQL and patterns in texts",
    "line breaks and headers in texts",
    "request smuggling",
    "paths past the routes",
    "paths in object keys, changed presigned URLs",
    "bodies too large, too deep, packed",
    "clients that never finish a request",
    "images that explode",
    "fuzzed requests",
    "fuzzed sequences of requests",
    "secrets in what a run leaves behind",
    "another target by another spelling",
    "another target by redirect or by name",
    "records of the run under foreign names",
)
"""In the order of the table."""
SECTION: Final = Section("Attacks", "attacks", "security-table")
OPTION: Final = "--security-table"


@dataclass
class Attack:
    """What one test tried of one attack. Outcomes are words for the table, such as '403 forbidden'."""

    name: str
    outcomes: Counter[str] = field(default_factory=Counter)

    def tried(self, outcome: str, times: int = 1) -> None:
        self.outcomes[outcome] += times


Attacks = Callable[[str], Attack]
_MADE: Final = pytest.StashKey[list[Attack]]()


@pytest.fixture
def attack(request: pytest.FixtureRequest) -> Attacks:
    """An attack of the list, by its name."""
    made = request.node.stash.setdefault(_MADE, [])

    def attack(name: str) -> Attack:
        assert name in ATTACKS, name
        new = Attack(name)
        made.append(new)
        return new

    return attack


class Table:
    """Counts over a whole session."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._outcomes: dict[str, Counter[str]] = {name: Counter() for name in ATTACKS}
        self._failed: list[str] = []

    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        attacking = [item for item in items if "attack" in getattr(item, "fixturenames", ())]
        config.hook.pytest_deselected(items=[item for item in items if item not in attacking])
        items[:] = attacking

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        if report.failed:
            self._failed.append(item.nodeid)
        if report.when == "call":
            for each in item.stash.get(_MADE, []):
                self._outcomes[each.name].update(each.outcomes)
        return report

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        SECTION.write(self._file, rendered(self._outcomes, self._failed), "Security")
        if not all(self._outcomes.values()):
            session.exitstatus = pytest.ExitCode.TESTS_FAILED


def rendered(outcomes: dict[str, Counter[str]], failed: Iterable[str]) -> str:
    """As Markdown: attack, tries, outcome, and what failed under it."""
    rows = ["| attack | tries | outcome |", "| --- | --- | --- |"]
    for name, counted in outcomes.items():
        told = ", ".join(f"{outcome}: {times:,}" for outcome, times in counted.most_common()) or "**not tried**"
        rows.append(f"| {name} | {counted.total():,} | {told} |")
    failures = [f"**Failed:** `{test}`" for test in failed]
    return "\n".join([*rows, *(["", *failures] if failures else [])])
