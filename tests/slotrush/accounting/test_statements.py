"""How many statements the database was asked to execute, as far as it keeps count."""

import asyncio
import json
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from slotrush.accounting import StatementCounter
from slotrush.runs import record

LIMIT_S = 30.0


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    record.create(tmp_path / record.RECORD_NAME).close()
    return tmp_path


def counts(run_dir: Path) -> list[int]:
    with closing(record.open_record(run_dir)) as run:
        rows = run.execute("SELECT detail FROM events WHERE name = 'statements' ORDER BY at_us")
        return [json.loads(detail)["total"] for (detail,) in rows]


def wait_for(condition: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + LIMIT_S
    while not condition():
        assert time.monotonic() < deadline_s
        time.sleep(0.05)


async def ask(url: str, times: int) -> None:
    connection = await asyncpg.connect(url)
    for _ in range(times):
        await connection.execute("SELECT 1")
    await connection.close()


def test_statements_are_counted_while_the_run_goes_on(stack: Any, run_dir: Path) -> None:
    counter = StatementCounter(stack.database_url, run_dir)
    counter.start()
    wait_for(lambda: bool(counts(run_dir)))
    before = counts(run_dir)[-1]
    asyncio.run(ask(stack.database_url, 200))
    counter.stop()

    totals = counts(run_dir)
    assert totals[-1] - before >= 200
    assert totals == sorted(totals)


def test_a_database_that_cannot_be_asked_ends_nothing(free_port: int, run_dir: Path) -> None:
    counter = StatementCounter(f"postgresql://nobody@127.0.0.1:{free_port}/none", run_dir)
    counter.start()
    counter.stop()

    assert counts(run_dir) == []
