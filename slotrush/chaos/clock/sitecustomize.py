"""Python imports this by itself in processes that have its folder on PYTHONPATH: a replica's time of day obeys signals.

Its clocks that measure durations (time.monotonic, time.perf_counter) go on as they are, as when an administrator or NTP
sets the machine's time.
"""

import os
import signal
import sys
import time

if "target_app.serve" in sys.orig_argv and "SLOTRUSH_CLOCK_STEP_S" in os.environ:
    _step_ns = int(float(os.environ["SLOTRUSH_CLOCK_STEP_S"]) * 1e9)
    _ahead_ns = 0
    _right_ns = time.time_ns

    def _set(number: int, _frame: object) -> None:
        global _ahead_ns  # noqa: PLW0603 - the clock of this process
        _ahead_ns = _step_ns if number == signal.SIGUSR1 else 0

    def _time_ns() -> int:
        return _right_ns() + _ahead_ns

    def _time() -> float:
        return _time_ns() / 1e9

    time.time, time.time_ns = _time, _time_ns
    signal.signal(signal.SIGUSR1, _set)
    signal.signal(signal.SIGUSR2, _set)
