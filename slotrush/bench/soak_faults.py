"""Scenarios and faults at random for so many minutes, by a seed that repeats every one of them.

`python -m slotrush.bench.soak_faults --minutes 30 --seed 2`, or scripts/soak-faults. Each run is a `slotrush chaos` of
its own; which one depends on the seed and its number alone, so that `--replay 7` does the seventh again. After each run
the tally is written anew, in JSON and in Markdown. Exit code 0: nothing was lost, and the system was back in time each
time that could be judged; 1: not so; 3: nothing could be judged.
"""

import argparse
import json
import random
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from slotrush import REPOSITORY, machine
from slotrush.bench.reliability import TALLY, section
from slotrush.chaos import catalogue
from slotrush.chaos.catalogue import Planned
from slotrush.chaos.outcome import Outcome
from slotrush.errors import EXIT_FAILED, EXIT_OK, EXIT_UNDECIDED

SCENES: Final = (
    ("steady_day", "--users 300 --doctors 40 --slots 3000 --arrivals poisson:50"),
    ("steady_day", "--users 300 --doctors 40 --slots 3000 --arrivals poisson:80"),
    ("search_heavy", "--users 300 --doctors 40 --slots 3000 --arrivals poisson:60"),
    ("waiting_list", "--users 120 --doctors 20 --slots 400"),
    ("publish_wave", "--users 120 --doctors 40"),
)
"""Small: what is looked for is what is lost, not how much can be borne, and each must have users to spare."""
WORKERS: Final = 2
FAULTS_MAX: Final = 3
TOGETHER_S: Final = 3.0
"""Faults that are done at once come within so long."""
RUN_LIMIT_S: Final = 900.0
WORDS: Final = {EXIT_OK: "passed", EXIT_FAILED: "failed", EXIT_UNDECIDED: "undecided"}


@dataclass(frozen=True)
class Trial:
    """One run, as it is asked for on the command line."""

    number: int
    scenario: str
    faults: tuple[Planned, ...]
    arguments: tuple[str, ...]

    @property
    def command(self) -> tuple[str, ...]:
        faults = (word for fault in self.faults for word in ("--fault", str(fault)))
        return ("chaos", self.scenario, *faults, *self.arguments)


def trial(seed: int, number: int, names: Sequence[str]) -> Trial:
    """The run of this number, with faults of these names: one after the other, or several at once."""
    rng = random.Random(f"soak {seed}, run {number}")
    scenario, sizes = rng.choice(SCENES)
    count = min(rng.randint(1, FAULTS_MAX), len(names))
    if rng.random() < 0.5:
        faults = catalogue.draw(names, count, rng.getrandbits(31), WORKERS)
    else:
        moments = sorted(round(catalogue.FIRST_S + TOGETHER_S * rng.random(), 2) for _ in range(count))
        faults = tuple(Planned(name, at_s) for name, at_s in zip(rng.sample(names, count), moments, strict=True))
    return Trial(
        number, scenario, faults, (*shlex.split(sizes), "--workers", str(WORKERS), "--seed", str(rng.getrandbits(31)))
    )


def run(one: Trial, results: Path) -> dict[str, Any]:
    """Do it, and tell what came of it: the verdict of `slotrush chaos`, or how it ended without one."""
    with tempfile.TemporaryDirectory(prefix="slotrush-soak-") as folder:
        verdict = Path(folder) / "verdict.json"
        began_s = time.monotonic()
        words = [*one.command, "--results", str(results), "--json", str(verdict)]
        ended = subprocess.run(
            [sys.executable, "-m", "slotrush", *words],
            cwd=REPOSITORY,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=RUN_LIMIT_S,
        )
        told = json.loads(verdict.read_text()) if verdict.exists() else {}
    said = ended.stderr.replace(f"{REPOSITORY}/", "").strip().splitlines()[-3:]
    lacking = {"exit_code": EXIT_FAILED, "reasons": said, "run_id": None}
    nothing: dict[str, Any] = {"episodes": [], "broken": None, "sent_again": 0}
    took = {"number": one.number, "command": shlex.join(one.command), "took_s": round(time.monotonic() - began_s, 1)}
    return took | lacking | nothing | told


def soak(
    seed: int, minutes: float, names: Sequence[str], results: Path, tell: Callable[[list[dict[str, Any]]], None]
) -> list[dict[str, Any]]:
    """Runs one after the other, until the time is over; what is under way then is finished."""
    until_s = time.monotonic() + 60 * minutes
    runs: list[dict[str, Any]] = []
    while time.monotonic() < until_s:
        runs.append(run(trial(seed, len(runs) + 1, names), results))
        tell(runs)
    return runs


def markdown(tally: dict[str, Any]) -> str:
    """The tally for people."""
    outcomes = [Outcome.from_meta(one) for one in tally["runs"] if one["episodes"]]
    took_min = sum(one["took_s"] for one in tally["runs"]) / 60
    counts = [f"{sum(one['exit_code'] == code for one in tally['runs'])} {word}" for code, word in WORDS.items()]
    invalid = sum(one["exit_code"] not in WORDS for one in tally["runs"])
    only = "".join(f" --fault {name}" for name in tally.get("only", ()))
    lines = [
        "# Faults at random",
        "",
        f"`scripts/soak-faults --minutes {tally['minutes']:g} --seed {tally['seed']}{only}`: {len(tally['runs'])} runs"
        f" in {took_min:.0f} minutes, {', '.join(counts)}, {invalid} invalid (the load generator was the bottleneck)."
        f" Commit {tally['commit']}; {tally['machine']['cores']} cores.",
        "",
        section(outcomes) if outcomes else "No fault was done.",
        "",
        "| run | verdict | command | why |",
        "| --- | --- | --- | --- |",
    ]
    lines += [
        f"| {one['number']} | {WORDS.get(one['exit_code'], 'invalid')} | `slotrush {one['command']}` |"
        f" {'; '.join(one['reasons']).replace('|', '/')} |"
        for one in tally["runs"]
    ]
    return "\n".join(lines) + "\n"


def exit_code(runs: Sequence[dict[str, Any]]) -> int:
    codes = [one["exit_code"] for one in runs]
    if any(code == EXIT_FAILED for code in codes):
        return EXIT_FAILED
    return EXIT_OK if EXIT_OK in codes else EXIT_UNDECIDED


def main() -> None:
    parser = argparse.ArgumentParser(prog="soak-faults", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--fault", action="append", choices=catalogue.possible(), help="these alone; repeat it")
    parser.add_argument("--replay", type=int, metavar="NUMBER", help="do this run of the seed again, and no other")
    parser.add_argument("--results", type=Path, default=REPOSITORY / "results", help="where the runs' folders are made")
    parser.add_argument("--tally", type=Path, default=REPOSITORY / TALLY, help="JSON; the Markdown goes beside it")
    options = parser.parse_args()
    if options.minutes <= 0:
        parser.error("--minutes must be more than 0")
    names = tuple(options.fault or catalogue.possible())

    def tell(runs: list[dict[str, Any]]) -> None:
        last = runs[-1]
        said = f"{last['number']:>3}  {WORDS.get(last['exit_code'], 'invalid'):<9}  slotrush {last['command']}"
        print("\n       ".join([said, *last["reasons"]]), flush=True)
        about = {"seed": options.seed, "minutes": options.minutes, "faults": names, "commit": machine.commit()}
        about["only"] = options.fault or []
        tally = about | {"machine": machine.describe(), "runs": runs}
        options.tally.parent.mkdir(parents=True, exist_ok=True)
        options.tally.write_text(json.dumps(tally, indent=2) + "\n")
        options.tally.with_suffix(".md").write_text(markdown(tally))

    if options.replay is not None:
        runs = [run(trial(options.seed, options.replay, names), options.results)]
        print(json.dumps(runs[0], indent=2))
    else:
        runs = soak(options.seed, options.minutes, names, options.results, tell)
        print(f"{options.tally}\n{options.tally.with_suffix('.md')}")
    sys.exit(exit_code(runs))


if __name__ == "__main__":
    main()
