"""Samples what the components of a run use, into the table `usage` of the run record."""

import logging
import math
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from slotrush.accounting.ledger import CpuLedger, Roots
from slotrush.accounting.memory import MemoryMeter
from slotrush.accounting.procfs import read_processes
from slotrush.runs import record

SET_SIZE_AGE_MAX_S: Final = 5.0
BUSY_TIMEOUT_MS: Final = 100
"""How long writing waits for another writer of the record; what it misses goes with the next sample."""
FLUSH_TIMEOUT_MS: Final = 30_000
SAMPLES_KEPT: Final = 16

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ComponentUsage:
    """`cpu_us` is cumulative, ended processes included; memory: the proportional set sizes of living ones."""

    cpu_us: int
    memory_bytes: int
    processes: int


@dataclass(frozen=True)
class Sample:
    at_us: int
    components: Mapping[str, ComponentUsage]


@dataclass(frozen=True)
class Load:
    """What a component uses now; `cpu_share` is of one core, so 1.5 is one core and a half."""

    cpu_share: float
    memory_bytes: int
    processes: int


def loads(before: Sample, after: Sample) -> dict[str, Load]:
    """What the components used between two samples; one that is not in the first has no CPU share yet."""
    elapsed_us = max(after.at_us - before.at_us, 1)
    return {
        name: Load(
            cpu_share=(usage.cpu_us - before.components.get(name, usage).cpu_us) / elapsed_us,
            memory_bytes=usage.memory_bytes,
            processes=usage.processes,
        )
        for name, usage in after.components.items()
    }


class UsageSampler:
    """Writes one row per component every `interval_s`, from a thread of its own.

    `pids` names the root pids of each component and is asked for every sample, on the thread that takes it. A
    periodic sample that fails is logged and skipped: accounting never ends a run.
    """

    def __init__(self, pids: Callable[[], Roots], record_path: Path, interval_s: float = 1.0) -> None:
        self._pids = pids
        self._record_path = record_path
        self._interval_s = interval_s
        self._ledger = CpuLedger()
        self._memory = MemoryMeter()
        self._recent: deque[Sample] = deque(maxlen=SAMPLES_KEPT)
        self._unwritten: deque[Sample] = deque()
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="usage-sampler", daemon=True)
        self._connection: sqlite3.Connection | None = None

    def start(self) -> None:
        """Raises BadInputError when `record_path` is no run record."""
        self._connection = record.open_record(self._record_path)
        self._thread.start()

    def stop(self) -> None:
        """Take a last sample, write what is not written yet, and end. The second time it does nothing."""
        connection, self._connection = self._connection, None
        if connection is None:
            return
        self._stopping.set()
        self._thread.join()
        self._sample_or_log(age_max_s=math.inf)
        self._write(connection, FLUSH_TIMEOUT_MS)
        if self._unwritten:
            _log.error("%d usage samples could not be written to %s", len(self._unwritten), self._record_path)
        connection.close()

    def sample_now(self) -> Sample:
        """Take a sample at this very moment, from any thread; it is written with the next periodic one."""
        return self._sample(age_max_s=math.inf)

    def latest(self) -> dict[str, Load]:
        """The load of each component over about the last interval; empty before the first sample."""
        with self._lock:
            samples = list(self._recent)
        if not samples:
            return {}
        until_us = samples[-1].at_us - 0.8 * self._interval_s * 1e6
        earlier = [sample for sample in samples if sample.at_us <= until_us]
        return loads(earlier[-1] if earlier else samples[0], samples[-1])

    def _run(self) -> None:
        connection = self._connection
        assert connection is not None
        due_s = time.monotonic()
        while not self._stopping.wait(max(due_s - time.monotonic(), 0)):
            self._sample_or_log(SET_SIZE_AGE_MAX_S)
            self._write(connection, BUSY_TIMEOUT_MS)
            due_s = max(due_s + self._interval_s, time.monotonic())

    def _sample_or_log(self, age_max_s: float) -> None:
        try:
            self._sample(age_max_s)
        except Exception:
            _log.exception("A usage sample failed")

    def _sample(self, age_max_s: float) -> Sample:
        with self._lock:
            roots = self._pids()
            at_us = time.time_ns() // 1000
            if self._recent:
                at_us = max(at_us, self._recent[-1].at_us + 1)
            cpu_us = self._ledger.update(read_processes(), roots)
            living = self._ledger.living()
            memory_bytes = self._memory.measure(living, time.monotonic(), age_max_s)
            processes = list(living.values())
            components = {
                name: ComponentUsage(total_us, memory_bytes.get(name, 0), processes.count(name))
                for name, total_us in cpu_us.items()
            }
            sample = Sample(at_us, components)
            self._recent.append(sample)
            self._unwritten.append(sample)
            return sample

    def _write(self, connection: sqlite3.Connection, timeout_ms: int) -> None:
        with self._lock:
            samples = list(self._unwritten)
        rows = [
            (sample.at_us, name, usage.cpu_us, usage.memory_bytes, usage.processes)
            for sample in samples
            for name, usage in sample.components.items()
        ]
        try:
            connection.execute(f"PRAGMA busy_timeout = {timeout_ms}")
            with connection:
                connection.executemany("INSERT INTO usage VALUES (?, ?, ?, ?, ?)", rows)
        except sqlite3.Error as error:
            _log.debug("usage samples wait for the record: %s", error)
            return
        for _ in samples:
            self._unwritten.popleft()
