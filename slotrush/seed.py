"""Filling the booking system with made-up people and slots, by the system's own seeder."""

import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from slotrush import REPOSITORY
from slotrush.errors import EXIT_BAD_INPUT, BadInputError, StackError
from slotrush.stack import keep

SEED_MAX: Final = 2**63 - 1
"""The seeder's own limit; no seed is below 0."""


@dataclass(frozen=True)
class SeedOptions:
    """None for `clinics` and `staff` leaves the number to the seeder; without `sessions` nobody is signed in."""

    doctors: int = 2_000
    patients: int = 50_000
    slots: int = 200_000
    clinics: int | None = None
    staff: int | None = None
    seed: int = 1
    sessions: Path | None = None


def run(options: SeedOptions, environment: Mapping[str, str], on_step: Callable[[str], None]) -> None:
    """Fill the system that the environment names. Raises BadInputError, and then nothing was changed, or StackError."""
    seeder = subprocess.Popen(
        [sys.executable, "-m", "target_app.seed", *_arguments(options)],
        env=environment,
        cwd=REPOSITORY,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with seeder:
        assert seeder.stdout is not None
        assert seeder.stderr is not None
        try:
            for line in seeder.stdout:
                on_step(line.rstrip())
            complaint = seeder.stderr.read().strip()
        except BaseException:
            seeder.kill()  # its transaction ends with it
            raise
    if seeder.returncode == EXIT_BAD_INPUT:
        raise BadInputError.parse(complaint.rpartition("\n")[2])
    if seeder.returncode != 0:
        raise StackError(f"the system could not be seeded: {complaint[-500:]}")


def target(ours: Mapping[str, str], home: Path = keep.HOME) -> dict[str, str]:
    """The environment of the system that ours names, or else of the one of `slotrush up`. Raises BadInputError."""
    if ours.get("DATABASE_URL"):
        key_file = ours.get("JWT_KEY_FILE")
        return {**ours, "JWT_KEY_FILE": str(Path(key_file).resolve()) if key_file else ""}
    running = keep.kept(home)
    if running is None or running.urls is None:
        raise BadInputError(
            "slotrush seed",
            "there is no system to fill",
            "Start one with: slotrush up --empty, or set DATABASE_URL and JWT_KEY_FILE",
        )
    return running.urls.environment()


def _arguments(options: SeedOptions) -> list[str]:
    given = {
        "--doctors": options.doctors,
        "--patients": options.patients,
        "--slots": options.slots,
        "--clinics": options.clinics,
        "--staff": options.staff,
        "--seed": options.seed,
        "--sessions": None if options.sessions is None else options.sessions.resolve(),
    }
    return [f"{name}={value}" for name, value in given.items() if value is not None]
