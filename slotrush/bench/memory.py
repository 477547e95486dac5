"""What one more user takes of the memory, by component: two swarms that differ in nothing else, scripts/bench-memory.

`python -m slotrush.bench.memory [--few 1000] [--many 9000] [--spawn-rate 500]`. Each is a whole `slotrush swarm soak`
with one worker and one proxy, whose users connect, ask once, and then hardly ever. The difference of their peaks leaves
out what is there without any user. The kernel's part (sockets) is the growth of what it cannot reclaim, as other
programs change it too: run it when the machine is idle. Ends with exit code 1 if a user takes more than 25 KB of the
generator.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from slotrush.errors import EXIT_INVALID_RUN, StackError

GENERATOR_BYTES_MAX: Final = 25_000
KERNEL: Final = "kernel"
_KIB: Final = 1024
_SAMPLE_S: Final = 0.5


@dataclass(frozen=True)
class Footprint:
    """What a swarm of so many users took at most, by component."""

    users: int
    peak_bytes: Mapping[str, int]


def per_user(few: Footprint, many: Footprint) -> dict[str, float]:
    """Bytes that each further user took, by component, the most first."""
    further = many.users - few.users
    taken = {name: (many.peak_bytes[name] - few.peak_bytes[name]) / further for name in many.peak_bytes}
    return dict(sorted(taken.items(), key=lambda each: -each[1]))


def measure(users: int, spawn_rate_per_s: int) -> Footprint:
    """Play a swarm of so many users. Raises StackError when it fails."""
    with tempfile.TemporaryDirectory(prefix="slotrush-memory-") as results:
        command = [sys.executable, "-m", "slotrush", "swarm", "soak", "--users", str(users), "--results", results]
        command += ["--spawn-rate", str(spawn_rate_per_s), "--workers", "1", "--proxies", "1", "--replicas", "1"]
        command += ["--doctors", "100", "--slots", "1000", "--think-time", "exponential:300", "--run-time", "10s"]
        with _kernel_growth() as kernel:
            finished = subprocess.run(command, capture_output=True, text=True, check=False)
        if finished.returncode not in (0, EXIT_INVALID_RUN):  # whether the times can be believed is not the question
            raise StackError(f"{' '.join(command)} failed: {finished.stdout[-500:]}{finished.stderr[-500:]}")
        (summary,) = Path(results).glob("*/summary.json")
        cost = json.loads(summary.read_text())["cost"]
    peaks = {name: each["peak_memory_bytes"] for name, each in cost.items()}
    return Footprint(users, peaks | {KERNEL: max(kernel)})


@contextmanager
def _kernel_growth() -> Iterator[list[int]]:
    """What the kernel has taken since, sampled until the end."""
    before = kernel_bytes(Path("/proc/meminfo").read_text())
    grown, over = [0], threading.Event()

    def sample() -> None:
        while not over.wait(_SAMPLE_S):
            grown.append(kernel_bytes(Path("/proc/meminfo").read_text()) - before)

    sampler = threading.Thread(target=sample)
    sampler.start()
    try:
        yield grown
    finally:
        over.set()
        sampler.join()


def kernel_bytes(meminfo: str) -> int:
    """What the kernel holds for itself and cannot reclaim, from the text of /proc/meminfo."""
    lines = dict(line.split(":") for line in meminfo.splitlines())
    return int(lines["SUnreclaim"].split()[0]) * _KIB


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench-memory", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--few", type=int, default=1_000, help="users of the one swarm")
    parser.add_argument("--many", type=int, default=9_000, help="users of the other")
    parser.add_argument("--spawn-rate", type=int, default=500, help="users who connect per second")
    options = parser.parse_args()
    if not 0 < options.few < options.many:
        parser.error(f"--few {options.few} must be positive and less than --many {options.many}")
    few, many = (measure(users, options.spawn_rate) for users in (options.few, options.many))
    taken = per_user(few, many)
    for name, each_bytes in taken.items():
        print(f"{name:10} {each_bytes:8,.0f} bytes per user  {many.peak_bytes[name] / 1e6:8,.1f} MB at {many.users:,}")
    print(f"{'all':10} {sum(taken.values()):8,.0f} bytes per user")
    if taken["generator"] > GENERATOR_BYTES_MAX:
        sys.exit(f"a user takes more than {GENERATOR_BYTES_MAX:,} bytes of the generator")


if __name__ == "__main__":
    main()
