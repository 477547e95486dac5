"""A fault of the clock: the time of day of one replica jumps, and later jumps back.

Linux has one time of day for all processes (its time namespaces leave that alone), so the jump is made inside of the
replica: `sitecustomize`, which Python imports by itself from a folder on PYTHONPATH, has its `time.time` obey signals.
"""

import signal
from pathlib import Path
from typing import Final

from slotrush.chaos.fault import Fault, Site
from slotrush.stack import app
from slotrush.stack.process import Process
from slotrush.stack.replicas import Stage

VARIABLE: Final = "SLOTRUSH_CLOCK_STEP_S"
"""How far the clock of a replica jumps, in seconds; without it there is no such clock."""
STEP_S: Final = 120
AHEAD: Final = signal.SIGUSR1
RIGHT: Final = signal.SIGUSR2


def settings() -> dict[str, str]:
    """The environment of replicas whose clocks can be made to jump."""
    return {VARIABLE: str(STEP_S)} | app.customised(Path(__file__).parent)


class StepClock(Fault):
    """It lasts for longer than a queue must stand before a replica sheds load: by its clock everything is late."""

    name = "step-clock"
    title = f"the time of day of a replica jumps ahead by {STEP_S} s, and after 40 s back"
    effect = "none: the replica sees that ages which jump are those of a clock, and turns nobody away for them"
    steps_clock = True
    lasts_s = 40.0
    back_within_s = 60

    def __init__(self) -> None:
        self._stepped: Process | None = None

    def inject(self, site: Site) -> str | None:
        serving = site.stack.replicas.at(Stage.SERVING)
        if not serving:
            return None
        self._stepped = site.rng.choice(serving).process
        self._stepped.signal(AHEAD)
        return self._stepped.command.name

    def heal(self, _site: Site) -> None:
        if self._stepped is not None and self._stepped.exit_status() is None:
            self._stepped.signal(RIGHT)

    def is_over(self, _site: Site) -> bool:
        return True
