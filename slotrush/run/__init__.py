"""One run: what it is asked for (`options`), what it does (`playing`), what it writes of itself (`writing`)."""

from slotrush.run.options import RunOptions, check
from slotrush.run.playing import SNAPSHOT_WAIT_S, Attend, Ran, Tend, conclude, play_on, run

__all__ = ["SNAPSHOT_WAIT_S", "Attend", "Ran", "RunOptions", "Tend", "check", "conclude", "play_on", "run"]
