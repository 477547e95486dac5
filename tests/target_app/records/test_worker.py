"""The worker: alone with a database of its own, so that it can be killed, left without a store, and have rivals."""

import asyncio
import hashlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import obstore
import psutil
import pytest

from target_app.records import worker
from target_app.records.erasure import erase_within
from target_app.records.objects import Objects
from target_app.settings import ObjectStore
from tests.databases import Databases

PATIENT = uuid4()


@dataclass
class World:
    """A migrated database and a prefix in the bucket that nobody else uses."""

    database_url: str
    store: ObjectStore
    environment: dict[str, str]
    bucket: Any

    def run(self, work: Callable[[asyncpg.Pool], Coroutine[Any, Any, Any]]) -> Any:
        async def within() -> Any:
            async with asyncpg.create_pool(self.database_url, min_size=1, max_size=4) as pool:
                return await work(pool)

        return asyncio.run(within())

    def sql(self, statement: str, *arguments: Any) -> list[Any]:
        rows: list[Any] = self.run(lambda pool: pool.fetch(statement, *arguments))
        return rows

    def check(self, store: ObjectStore | None = None) -> bool:
        """As a worker would, once."""
        objects = Objects(store or self.store)
        return bool(self.run(lambda pool: worker.check(pool, objects, 5)))

    def clear(self) -> None:
        """Remove what is due, as a worker would."""
        self.run(lambda pool: worker.remove(pool, Objects(self.store)))

    def uploaded(self, content: bytes, content_type: str = "application/pdf") -> Any:
        """The id of a file that waits for its check."""
        row = self.sql(
            """
            INSERT INTO records (
                patient_id, uploaded_by, name, kind, content_type, size_bytes, sha256, state, idempotency_key
            ) VALUES ($1, $1, 'Mole', 'photo', $2, $3, $4, 'checking', $5) RETURNING id, upload_key
            """,
            PATIENT,
            content_type,
            len(content),
            hashlib.sha256(content).digest(),
            str(uuid4()),
        )[0]
        obstore.put(self.bucket, self.store.key_prefix + row["upload_key"], content)
        return row["id"]

    def record(self, record: Any) -> Any:
        return self.sql("SELECT * FROM records WHERE id = $1", record)[0]

    def objects(self) -> set[str]:
        """The folders of what is in the store, each as often as it has objects."""
        keys = (each["path"] for batch in obstore.list(self.bucket, prefix=self.store.key_prefix) for each in batch)
        return {key.removeprefix(self.store.key_prefix) for key in keys}


@pytest.fixture
def world(stack: Any, databases: Databases) -> Iterator[World]:
    with databases.migrated("records") as url:
        store = replace(stack.objects, key_prefix=f"records_{uuid4().hex}/")
        environment = stack.environment() | store.environment() | {"DATABASE_URL": url, "RECORD_CHECK_S": "60"}
        mine = World(url, ObjectStore(**vars(store)), environment, stack.objects.client())
        mine.sql(
            "INSERT INTO accounts (id, role, email, password_hash) VALUES ($1, 'patient', 'a@a.example', '-')", PATIENT
        )
        mine.sql(
            "INSERT INTO patients (id, name, cpf, email) VALUES ($1, 'Ana', '52998224725', 'a@a.example')", PATIENT
        )
        yield mine
    obstore.delete(mine.bucket, [store.key_prefix + key for key in mine.objects()])


@pytest.fixture
def start_worker(world: World, tmp_path: Path) -> Iterator[Callable[[], psutil.Popen]]:
    started: list[psutil.Popen] = []

    def start_worker() -> psutil.Popen:
        with (tmp_path / "worker.log").open("ab") as log:
            program = [sys.executable, "-m", "target_app.records.worker"]
            started.append(psutil.Popen(program, env=world.environment, stdout=log, stderr=log, process_group=0))
        return started[-1]

    yield start_worker
    for each in started:
        if each.poll() is None:
            os.killpg(each.pid, signal.SIGKILL)
            each.wait()


def test_what_a_killed_worker_was_doing_another_one_does(
    world: World, start_worker: Any, picture: Any, eventually: Any
) -> None:
    record = world.uploaded(picture("PNG", (2_400, 2_400)), "image/png")  # which takes a while
    first = start_worker()
    eventually(lambda: world.record(record)["claimed_until"] is not None)
    os.killpg(first.pid, signal.SIGKILL)
    first.wait()
    assert world.record(record)["state"] == "checking", "it was in the middle"

    start_worker()
    assert not world.check(), "nobody else touches it before its time is over"
    world.sql("UPDATE records SET claimed_until = now()")
    eventually(lambda: world.record(record)["state"] != "checking", within_s=60)
    done = world.record(record)
    assert (done["state"], done["has_preview"], done["attempts"]) == ("stored", True, 2)
    eventually(lambda: world.objects() == {done["object_key"], done["preview_key"]})


def test_many_workers_check_each_file_once(world: World, start_worker: Any, pdf: bytes, eventually: Any) -> None:
    records = [world.uploaded(pdf + bytes([number])) for number in range(40)]
    for _ in range(3):
        start_worker()
    eventually(lambda: not world.sql("SELECT FROM records WHERE state = 'checking'"), within_s=60)
    done = [world.record(record) for record in records]
    assert {(row["state"], row["attempts"]) for row in done} == {("stored", 1)}
    eventually(lambda: world.objects() == {row["object_key"] for row in done})


def test_a_worker_that_is_told_to_stop_does(world: World, start_worker: Any, pdf: bytes, eventually: Any) -> None:
    record = world.uploaded(pdf)
    running = start_worker()
    eventually(lambda: world.record(record)["state"] == "stored", within_s=60)
    running.terminate()
    assert running.wait(20) == 0


def test_a_store_that_is_away_costs_no_attempt(world: World, pdf: bytes, free_port: int) -> None:
    record = world.uploaded(pdf)
    assert not world.check(replace(world.store, endpoint=f"http://127.0.0.1:{free_port}"))
    waiting = world.record(record)
    assert (waiting["state"], waiting["attempts"]) == ("checking", 0)

    world.sql("UPDATE records SET claimed_until = now()")
    assert world.check()
    assert world.record(record)["state"] == "stored"
    assert not world.check(), "there is nothing more to do"


def test_a_file_that_workers_die_of_is_given_up(world: World, pdf: bytes) -> None:
    record = world.uploaded(pdf)
    world.sql("UPDATE records SET attempts = $1", worker.ATTEMPTS_MAX)
    assert world.check()
    done = world.record(record)
    assert (done["state"], done["rejected_because"]) == ("rejected", "unreadable")
    world.clear()
    assert world.objects() == set()


def test_a_file_without_an_object_is_rejected(world: World, pdf: bytes) -> None:
    record = world.uploaded(pdf)
    obstore.delete(world.bucket, world.store.key_prefix + world.record(record)["upload_key"])
    assert world.check()
    assert world.record(record)["rejected_because"] == "missing"


def test_an_upload_that_waits_for_its_check_is_not_removed(world: World, pdf: bytes) -> None:
    record = world.uploaded(pdf)
    world.sql("INSERT INTO object_removals (object_key, due_at) SELECT upload_key, now() FROM records")
    world.clear()
    assert world.objects() == {world.record(record)["upload_key"]}
    world.check()
    world.clear()
    assert world.objects() == {world.record(record)["object_key"]}


def test_nothing_remains_of_a_file_that_is_deleted_while_it_is_checked(world: World, pdf: bytes) -> None:
    record = world.uploaded(pdf)

    class Interrupted(Objects):
        """Where the patient deletes the file just when the worker has kept it."""

        async def write(self, key: str, content: bytes, content_type: str) -> None:
            await super().write(key, content, content_type)
            async with self.pool.acquire() as connection:
                await erase_within(connection, PATIENT)
            await worker.remove(self.pool, self)

        pool: asyncpg.Pool

    async def check(pool: asyncpg.Pool) -> None:
        objects = Interrupted(world.store)
        objects.pool = pool
        await worker.check(pool, objects, 5)

    world.run(check)
    assert world.record(record)["state"] == "deleted"
    assert world.objects(), "the worker may still be writing"
    world.sql("UPDATE object_removals SET due_at = now()")
    world.clear()
    assert world.objects() == set()


def test_without_a_store_there_is_nothing_to_do(world: World) -> None:
    environment = {name: value for name, value in world.environment.items() if not name.startswith("S3_")}
    program = [sys.executable, "-m", "target_app.records.worker"]
    ended = subprocess.run(program, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 1
    assert "S3_ENDPOINT is not set" in ended.stderr
