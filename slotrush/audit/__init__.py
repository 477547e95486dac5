"""The audit: what the clients were told (the ledger) held against what the target's stores held (the snapshot).

It reads nothing but the run record, so it can be repeated at any time and gives the same answer. The rules are SQL
beside this file: `facts.sql`, and one file for each invariant. What they rest on:

- An attempt is known by its idempotency key. What was acknowledged must be in the stores; what was refused must
  not; an unknown outcome may be or not, and is whatever the stores say of its key. So are the attempts of people whose
  worker was lost, as far as no ledger has them.
- Whatever is in the stores was put there by the run: it had the database to itself. Only offers to waiting patients,
  what expires and reminders are the system's own.
"""

import sqlite3
from dataclasses import dataclass
from importlib.resources import files
from typing import Final

from slotrush.errors import BadInputError

FINDINGS_KEPT: Final = 1000
"""How many findings of one invariant are kept. `broken` counts them all."""

INVARIANTS: Final = {
    "double_bookings": "A slot is held by at most one appointment",
    "overlapping": "A doctor's slots and a patient's appointments never overlap",
    "lost_acknowledged": "What a client was told is stored, with the same parties, price and key",
    "phantoms": "What is stored was acknowledged to a client, or its client never learnt the outcome",
    "reused_keys": "One idempotency key never made two appointments",
    "broken_histories": "Every appointment is where its history ends, and came there by allowed steps",
    "notifications_missing": "Every state change was announced to everyone whom it concerns",
    "notifications_doubled": "No state change was announced twice, nor to anyone else",
    "queues_not_empty": "The outbox, the stream and the dead letters are empty",
}
"""The invariants and their titles, in the order in which they are shown."""


@dataclass(frozen=True)
class Check:
    """One invariant: of `checked` cases, `broken` are; a finding is one sentence that names the offending rows."""

    invariant: str
    title: str
    checked: int
    broken: int
    findings: tuple[str, ...]


@dataclass(frozen=True)
class AuditResult:
    checks: tuple[Check, ...]

    @property
    def clean(self) -> bool:
        return not any(check.broken for check in self.checks)


def has_snapshot(connection: sqlite3.Connection) -> bool:
    """Whether the target's stores were read: a snapshot always writes the depth of every queue."""
    return bool(connection.execute("SELECT EXISTS (SELECT 1 FROM queue_depths)").fetchone()[0])


def run_audit(connection: sqlite3.Connection) -> AuditResult:
    """Check every invariant, store the result in the tables `audit` and `audit_findings`, and return it.

    Raises BadInputError for a partial record that has no snapshot: there is nothing to hold the ledger against,
    and an audit that skipped its checks would look clean.
    """
    if not has_snapshot(connection):
        raise BadInputError(
            "audit",
            "the target's stores were not read in this run, so there is nothing to hold the ledger against",
            "Let the run reach its end, or audit another one",
        )
    _forget(connection)
    try:
        for name in ("facts", *INVARIANTS):
            connection.executescript(files(__package__).joinpath(f"{name}.sql").read_text(encoding="utf-8"))
        result = AuditResult(tuple(_check(connection, invariant) for invariant in INVARIANTS))
    finally:
        _forget(connection)
    _store(connection, result)
    return result


def _forget(connection: sqlite3.Connection) -> None:
    """Drop what the rules made on the way."""
    made = connection.execute("SELECT name FROM temp.sqlite_schema WHERE type = 'table'").fetchall()
    connection.executescript("".join(f"DROP TABLE temp.{name};" for (name,) in made))


def _check(connection: sqlite3.Connection, invariant: str) -> Check:
    rows = connection.execute("SELECT detail FROM findings WHERE invariant = ? ORDER BY rowid", (invariant,))
    findings = tuple(row[0] for row in rows)
    cases = connection.execute("SELECT cases FROM checked WHERE invariant = ?", (invariant,)).fetchone()[0]
    return Check(invariant, INVARIANTS[invariant], cases, len(findings), findings[:FINDINGS_KEPT])


def _store(connection: sqlite3.Connection, result: AuditResult) -> None:
    with connection:
        connection.execute("DELETE FROM audit")
        connection.execute("DELETE FROM audit_findings")
        connection.executemany(
            "INSERT INTO audit VALUES (?, ?, ?, ?)",
            [(check.invariant, check.title, check.checked, check.broken) for check in result.checks],
        )
        connection.executemany(
            "INSERT INTO audit_findings VALUES (?, ?)",
            [(check.invariant, finding) for check in result.checks for finding in check.findings],
        )
