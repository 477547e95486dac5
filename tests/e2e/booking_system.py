"""A booking system for games: a stack of its own, as the audit wants the database for the game alone."""

import itertools
import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import asyncpg
import redis

from slotrush import snapshot
from slotrush.snapshot import Sources
from slotrush.stack import Stack, StackOptions, StackUrls
from tests.e2e.booking_desk import Person
from tests.target_app.statements import rows_of

GAMES: Final = int(os.environ.get("STATE_MACHINE_GAMES", "0"))
DOCTORS: Final = 1_000 if GAMES else 100
PATIENTS: Final = 2 * DOCTORS
QUIET: Final = {"REMINDER_H": "1"}
"""Slots begin later than that, so nobody is reminded of anything while a game is audited."""


@dataclass(frozen=True)
class System:
    urls: StackUrls
    doctors: Iterator[Person]
    patients: Iterator[Person]
    records: Iterator[Path]

    @property
    def sources(self) -> Sources:
        urls = self.urls
        return Sources(urls.database_url, urls.redis_url, urls.redis_key_prefix, urls.mailbox_path)

    def sql(self, statement: str, *arguments: Any) -> list[Any]:
        return rows_of(self.urls.database_url, statement, *arguments)

    def _sql_past_the_workers(self, statement: str) -> None:
        """Their steps lock the same tables in an order of their own."""
        while True:
            try:
                self.sql(statement)
                return
            except asyncpg.DeadlockDetectedError:
                continue

    def clear(self) -> None:
        """Take away what the game before this one left; its people stay."""
        self._sql_past_the_workers(
            "TRUNCATE appointments, appointment_events, notifications, slots, publications, slot_changes, waiting_list,"
            " waiting_list_changes CASCADE"
        )
        with closing(sqlite3.connect(self.urls.mailbox_path, timeout=30)) as mailbox, mailbox:
            mailbox.execute("DELETE FROM mails")
        with redis.Redis.from_url(self.urls.redis_url) as cache:
            cache.delete(f"{self.urls.redis_key_prefix}{snapshot.DEAD_LETTERS}")


@contextmanager
def running(folder: Path) -> Iterator[System]:
    options = StackOptions(folder, replicas=2, proxies=1, objects=False, settings=QUIET)
    with Stack(options) as stack:
        urls = stack.start(lambda _: None)
        path = folder / "sessions.json"
        sizes = ["--patients", str(PATIENTS), "--doctors", str(DOCTORS), "--sessions", str(path)]
        subprocess.run(
            [sys.executable, "-m", "target_app.seed", *sizes], env=urls.environment(), check=True, timeout=60
        )
        sessions = json.loads(path.read_text())
        doctors, patients = (
            itertools.cycle([Person(session["id"], session["token"]) for session in sessions[role]])
            for role in ("doctors", "patients")
        )
        yield System(urls, doctors, patients, (folder / f"{number}.sqlite" for number in itertools.count()))
