"""Which tests run one after the other on one worker, and in which order the workers take them.

The tests of a lane share its worker's stack, whose start is as long as many of them. Lanes come first, then the slow
files, the slowest first: a worker that took one of those last would keep everybody waiting.
"""

from typing import Final

from xdist.scheduler import LoadScopeScheduling

LANES: Final = {
    "pages and accounts": (
        "tests/target_app/web/",
        "tests/target_app/identity/",
        "tests/target_app/records/",
        "tests/k8s/test_pooler.py",
        "tests/k8s/test_start_commands.py",
        "tests/slotrush/test_seed_command.py",
    ),
    "bookings": (
        "tests/target_app/",
        "tests/e2e/test_secrets.py",
        "tests/e2e/test_swarm_options.py",
        "tests/e2e/test_swarms_closed.py",
        "tests/e2e/test_swarms_open.py",
        "tests/locustfiles/test_operations.py",
        "tests/slotrush/accounting/test_statements.py",
        "tests/slotrush/bench/test_wiretap.py",
        "tests/slotrush/sweep/test_probing.py",
        "tests/slotrush/test_snapshot.py",
    ),
}
"""Where their files' paths begin; the first lane that fits has the file."""
SLOW: Final = (
    "tests/scripts/test_setup.py",
    "tests/e2e/test_interruption.py",
    "tests/slotrush/swarm/test_ending.py",
    "tests/slotrush/capacity_report/test_capacity_pdf.py",
    "tests/slotrush/report/test_report.py",
    "tests/slotrush/swarm/test_start.py",
    "tests/e2e/test_state_machine.py",
    "tests/slotrush/stack/test_envoy.py",
    "tests/locustfiles/test_own_system.py",
    "tests/slotrush/swarm/test_stopping.py",
)


def unit(nodeid: str) -> str:
    """What a worker takes as a whole: the test's lane, or its file if that is in none."""
    file = nodeid.partition("::")[0]
    return next((lane for lane, begins in LANES.items() if file.startswith(begins)), file)


def turn(nodeid: str) -> int:
    first = [*LANES, *SLOW]
    taken = unit(nodeid)
    return first.index(taken) if taken in first else len(first)


class Lanes(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no types
    """Takes the units in the order in which the tests were collected."""

    def _split_scope(self, nodeid: str) -> str:
        return unit(nodeid)
