"""The clock of a replica obeys signals, and no other process' does."""

import ast
import os
import subprocess
import sys

from slotrush import REPOSITORY
from slotrush.chaos.catalogue import parse, replica_settings
from slotrush.chaos.clock import AHEAD, RIGHT, STEP_S

PROGRAM = f"""
import os, signal, time
from target_app import clock

def ahead_s():
    right_s = time.clock_gettime(time.CLOCK_REALTIME)
    return [round(found_s - right_s) for found_s in (time.time(), time.time_ns() / 1e9, clock.now().timestamp())]

began_s, said = time.monotonic(), [ahead_s()]
for number in ({int(AHEAD)}, {int(RIGHT)}):
    if signal.getsignal(number) is not signal.SIG_DFL:
        os.kill(os.getpid(), number)
        said.append(ahead_s())
print([said, time.monotonic() - began_s < 60])
"""


def played(*arguments: str) -> object:
    environment = os.environ | replica_settings(parse(["step-clock"]))
    command = [sys.executable, "-c", PROGRAM, *arguments]
    done = subprocess.run(command, env=environment, cwd=REPOSITORY, capture_output=True, text=True, check=True)
    return ast.literal_eval(done.stdout)


def test_the_time_of_day_of_a_replica_jumps_and_jumps_back_and_durations_do_not() -> None:
    assert played("target_app.serve") == [[[0, 0, 0], [STEP_S] * 3, [0, 0, 0]], True]


def test_no_other_process_has_such_a_clock() -> None:
    assert played("target_app.notifications.worker") == [[[0, 0, 0]], True]


def test_replicas_have_such_clocks_only_where_one_is_to_jump() -> None:
    assert replica_settings(parse(["kill-replica"])) == {}
