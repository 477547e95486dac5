"""The table of faults: how often each was tried, what it cost, how long the system took to be back, what was lost.

`python -m slotrush.bench.reliability [RUN …] [--docs docs/reliability.md]`, or scripts/reliability-table. A RUN is the
folder of a run that slotrush chaos made, or the tally (JSON) of scripts/soak-faults. Exit code 0: nothing was lost or
doubled; 1: something was; 2: there is no such run, or none with faults.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Final

from slotrush.bench.section import Section
from slotrush.chaos import outcome, tally
from slotrush.chaos.outcome import Outcome
from slotrush.errors import EXIT_BAD_INPUT, EXIT_FAILED, EXIT_OK, BadInputError
from slotrush.runs import record

SECTION: Final = Section("Faults", "faults", "reliability-table")
TALLY: Final = Path("results/examples/soak-faults.json")
NOTE: Final = """\
Requests and availability are of the time from the fault until all objectives held again and the fault was over; the
system is back from the first second from which they hold for 10 s. Faults that were done at the same time share what
they cost. Lost and doubled is what the audit found in the whole runs. A mail is sent again when its notifier died, or
lost its database, between the mail server's acceptance and its own note of that: the copy has the same Message-ID, by
which a mailbox shows one mail."""


def read(runs: Sequence[Path]) -> Iterator[Outcome]:
    """What became of the faults of each run, as far as it has any. Raises BadInputError."""
    for path in runs:
        if path.suffix == ".json":
            yield from _of_tally(path)
            continue
        with closing(record.open_finished(path)) as connection:
            found = outcome.read(connection)
        if found.episodes:
            yield found


def section(outcomes: Sequence[Outcome]) -> str:
    """The table with what it means."""
    table = tally.rows(outcomes)
    faults = sum(row.tried for row in table)
    return (
        f"{tally.markdown(table)}\n\nTried {faults} times in {len(outcomes)} runs.\n{NOTE}\n\n{tally.legend(table)}\n\n"
        "`slotrush chaos` lists all faults, and does them to a scenario under load."
    )


def _of_tally(path: Path) -> Iterator[Outcome]:
    try:
        runs = json.loads(path.read_text())["runs"]
        yield from (Outcome.from_meta(run) for run in runs if run["episodes"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadInputError(f"tally {path}", f"it cannot be read ({error})", "Name what soak-faults wrote") from error


def main() -> None:
    parser = argparse.ArgumentParser(prog="reliability-table", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("runs", nargs="*", type=Path, default=[TALLY], help=f"folders of runs, or tallies; {TALLY}")
    parser.add_argument("--docs", type=Path, help="a Markdown file to put the table into")
    options = parser.parse_args()
    try:
        outcomes = list(read(options.runs))
        if not outcomes:
            raise BadInputError("reliability-table", "none of the runs has faults", "Name runs of slotrush chaos")
    except BadInputError as error:
        print(f"error {error}", file=sys.stderr)
        sys.exit(EXIT_BAD_INPUT)
    print(section(outcomes))
    if options.docs is not None:
        SECTION.write(options.docs, section(outcomes), "Reliability")
    sys.exit(EXIT_OK if all(found.clean for found in outcomes) else EXIT_FAILED)


if __name__ == "__main__":
    main()
