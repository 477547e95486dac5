"""Between the processes of a swarm and the one that started them. Linux only, free of Locust."""

import ctypes
import os
import signal
from typing import Final

PARENT_VARIABLE: Final = "SLOTRUSH_SWARM_PARENT"
COMPLAINT: Final = "slotrush: "
"""What a line begins with that says why a swarm could not be played."""
_PR_SET_PDEATHSIG: Final = 1


def die_with(parent: int) -> None:
    """Be sent SIGTERM when the parent ends; at once when it is gone already."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGTERM)
