"""A stack with a streaming replica of its database: what it shows, and to whom, whatever becomes of the replica."""

import asyncio
import contextlib
import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import psutil
import pytest

from slotrush.errors import BadInputError
from slotrush.stack import Stack, StackOptions, StackUrls

NEAR_S = 2.0
"""How far the replica may be behind and still be read."""
HANGING_S = 5.0
"""A request takes no longer when the replica hangs."""


@dataclass(frozen=True)
class System:
    stack: Stack
    urls: StackUrls
    folder: Path
    people: Iterator[dict[str, str]]
    doctors: Iterator[dict[str, str]]

    def signal_replica(self, number: signal.Signals) -> None:
        """To the server and each of its processes."""
        server = psutil.Process(self.stack.pids()["postgres"][1])
        for process in (server, *server.children()):
            with contextlib.suppress(psutil.NoSuchProcess):  # that of a connection which has just ended
                process.send_signal(number)

    def on_replica(self, statement: str) -> Any:
        assert self.urls.database_read_url is not None
        return query(self.urls.database_read_url, statement)

    def on_primary(self, statement: str) -> Any:
        return query(self.urls.database_url, statement)


class Client:
    """Somebody at one replica of the app."""

    def __init__(self, url: str, token: str) -> None:
        self._url, self._headers = url, {"Authorization": f"Bearer {token}"}

    def get(self, path: str) -> Any:
        answer = httpx.get(self._url + path, headers=self._headers, timeout=HANGING_S)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def post(self, path: str, body: dict[str, Any]) -> Any:
        headers = self._headers | {"Idempotency-Key": str(uuid4())}
        answer = httpx.post(self._url + path, json=body, headers=headers, timeout=HANGING_S)
        assert answer.status_code in (200, 201), answer.text
        return answer.json()

    def free(self, doctor_id: str) -> list[str]:
        return [slot["id"] for slot in self.get(f"/v1/doctors/{doctor_id}/agenda")["slots"]]

    def publish(self, count: int, in_hours: float) -> list[str]:
        start = datetime.now(UTC) + timedelta(hours=in_hours)
        times = [(start + timedelta(hours=number)).isoformat() for number in range(count)]
        made = self.post("/v1/slots", {"slots": [{"starts_at": at, "minutes": 30} for at in times]})
        return [slot["id"] for slot in made["slots"]]

    def book(self, slot: str) -> str:
        return str(self.post("/v1/appointments", {"slot_id": slot})["id"])

    def booked(self) -> list[str]:
        return [each["slot_id"] for each in self.get("/v1/appointments")["appointments"]]


def query(url: str, statement: str) -> Any:
    async def ask() -> Any:
        connection = await asyncpg.connect(url)
        try:
            return await connection.fetchval(statement)
        finally:
            await connection.close()

    return asyncio.run(ask())


def within(seconds: float, condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"it did not come true in {seconds:.0f} s"
        time.sleep(0.02)


def reads(url: str, server: str) -> float:
    """How many reads of the app at `url` this database server has answered."""
    for line in httpx.get(f"{url}/metrics", timeout=HANGING_S).text.splitlines():
        if line.startswith(f'reads_total{{server="{server}"}}'):
            return float(line.split()[1])
    return 0.0


def start(folder: Path, stack: Stack) -> System:
    urls, sessions = stack.start(lambda _step: None), folder / "sessions.json"
    sizes = ["--patients", "20", "--doctors", "20", "--sessions", str(sessions)]
    subprocess.run([sys.executable, "-m", "target_app.seed", *sizes], env=urls.environment(), check=True, timeout=60)
    people = json.loads(sessions.read_text())
    return System(stack, urls, folder, iter(people["patients"]), iter(people["doctors"]))


def options(folder: Path) -> StackOptions:
    return StackOptions(folder, replicas=2, proxies=1, objects=False, read_replica=True)


@pytest.fixture(scope="module")
def module_system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    folder = tmp_path_factory.mktemp("replica")
    with Stack(options(folder)) as stack:
        yield start(folder, stack)


@pytest.fixture
def system(module_system: System) -> Iterator[System]:
    """A system whose apps read the replica, and will again after the test."""
    for url in module_system.urls.replica_urls:
        within(20, lambda url=url: reads_replica(module_system, url))  # type: ignore[misc]
    yield module_system
    module_system.signal_replica(signal.SIGCONT)
    module_system.on_replica("SELECT pg_wal_replay_resume()")


@pytest.fixture
def patient(system: System) -> str:
    return next(system.people)["token"]


@pytest.fixture
def doctor(system: System) -> dict[str, str]:
    return next(system.doctors)


def reads_replica(system: System, url: str) -> bool:
    """Whether a search that nobody has made before is answered from the replica."""
    before = reads(url, "replica")
    httpx.get(
        f"{url}/v1/doctors?specialty={uuid4()}",
        headers={"Authorization": f"Bearer {next_token(system)}"},
        timeout=HANGING_S,
    )
    return reads(url, "replica") > before


def next_token(system: System) -> str:
    return str(json.loads((system.folder / "sessions.json").read_text())["patients"][-1]["token"])


def stand_still(system: System) -> None:
    """The replica answers, but shows nothing new."""
    system.on_replica("SELECT pg_wal_replay_pause()")
    within(5, lambda: system.on_replica("SELECT pg_get_wal_replay_pause_state()") == "paused")


def test_the_replica_follows_read_only_as_the_same_user(system: System) -> None:
    assert system.urls.environment()["DATABASE_READ_URL"] == system.urls.database_read_url
    server, replica = (psutil.Process(pid) for pid in system.stack.pids()["postgres"])
    assert server.uids() == replica.uids()
    assert system.on_replica("SELECT pg_is_in_recovery()") is True
    assert system.on_primary("SELECT state FROM pg_stat_replication") == "streaming"
    system.on_primary("CREATE TABLE told AS SELECT 7 AS number")
    within(10, lambda: system.on_replica("SELECT to_regclass('told')::text") == "told")
    with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
        system.on_replica("DROP TABLE told")


def test_directory_and_agendas_are_read_from_the_replica_and_what_is_mine_from_the_primary(
    system: System, patient: str
) -> None:
    url = system.urls.replica_urls[0]
    client = Client(url, patient)

    def counted() -> tuple[float, float]:
        from_replica, from_primary = reads(url, "replica"), reads(url, "primary")
        client.get(f"/v1/doctors?specialty={uuid4()}")
        client.get(f"/v1/doctors/{next(system.doctors)['id']}")
        client.free(next(system.doctors)["id"])
        client.booked()
        return reads(url, "replica") - from_replica, reads(url, "primary") - from_primary

    within(20, lambda: counted() == (3, 0))  # a machine that stalls for a second makes any replica late


@pytest.mark.parametrize("number", [0, 1])
def test_who_books_or_publishes_sees_it_at_once_though_the_replica_stands_still(
    system: System, patient: str, doctor: dict[str, str], number: int
) -> None:
    url = system.urls.replica_urls[number]
    me, they = Client(url, patient), Client(url, doctor["token"])
    stand_still(system)
    first, second = they.publish(2, in_hours=24)
    assert me.free(doctor["id"]) == [first, second]
    appointment = me.book(first)
    assert me.free(doctor["id"]) == [second]
    [third] = they.publish(1, in_hours=48)  # so that the agenda is loaded again
    assert me.free(doctor["id"]) == [second, third]
    for other in system.urls.replica_urls:
        assert Client(other, patient).booked() == [first]
    me.post(f"/v1/appointments/{appointment}/cancel", {"reason": "for the test"})
    assert me.free(doctor["id"]) == [first, second, third]


def test_an_app_that_hears_of_a_booking_never_shows_the_slot_as_free_again(
    system: System, patient: str, doctor: dict[str, str]
) -> None:
    here, there = (Client(url, patient) for url in system.urls.replica_urls)
    slot, other = Client(system.urls.replica_urls[0], doctor["token"]).publish(2, in_hours=24)
    within(10, lambda: system.on_replica(f"SELECT count(*) FROM slots WHERE id = '{slot}'") == 1)
    stand_still(system)
    here.book(slot)
    within(10, lambda: there.free(doctor["id"]) == [other])
    until = time.monotonic() + NEAR_S + 1
    while time.monotonic() < until:
        assert here.free(doctor["id"]) == [other]
        assert there.free(doctor["id"]) == [other]
        time.sleep(0.05)


def test_a_replica_that_stands_still_is_left_for_the_primary_and_read_again_once_it_moves(
    system: System, patient: str
) -> None:
    url = system.urls.replica_urls[0]
    stand_still(system)
    system.on_primary("CREATE TABLE IF NOT EXISTS moved AS SELECT 1")  # with nothing new to show, it would not be late
    within(NEAR_S + 5, lambda: not reads_replica(system, url))
    specialty = f"specialty {uuid4()}"
    system.on_primary(f"UPDATE doctors SET specialty = '{specialty}' WHERE id = '{next(system.doctors)['id']}'")
    assert len(Client(url, patient).get(f"/v1/doctors?specialty={specialty}")["doctors"]) == 1
    system.on_replica("SELECT pg_wal_replay_resume()")
    within(10, lambda: reads_replica(system, url))


def test_a_doctor_who_is_too_new_for_the_replica_is_not_missing(system: System, patient: str) -> None:
    stand_still(system)
    system.on_primary("CREATE TABLE IF NOT EXISTS accounts_before AS SELECT id FROM accounts")
    new = system.on_primary(f"""
        WITH account AS (
            INSERT INTO accounts (role, email, password_hash) VALUES ('doctor', '{uuid4()}@clinic.example', '')
            RETURNING id, email
        )
        INSERT INTO doctors (id, name, crm, crm_state, specialty, price_cents, email)
        SELECT id, 'Dra. Nova', '7777777', 'SP', 'cardiology', 100, email FROM account RETURNING id::text
    """)
    client = Client(system.urls.replica_urls[0], patient)
    assert client.get(f"/v1/doctors/{new}")["name"] == "Dra. Nova"
    assert client.free(new) == []


def test_an_idle_primary_makes_no_replica_late(system: System) -> None:
    url = system.urls.replica_urls[0]
    until = time.monotonic() + NEAR_S + 2
    while time.monotonic() < until:
        within(NEAR_S, lambda: reads_replica(system, url))  # not at once: a machine may stall, and make it late
        time.sleep(0.2)


@pytest.mark.long
def test_a_replica_that_hangs_holds_nobody_up_for_long(system: System, patient: str, doctor: dict[str, str]) -> None:
    urls = system.urls.replica_urls
    me, they = Client(urls[0], patient), Client(urls[0], doctor["token"])
    system.signal_replica(signal.SIGSTOP)
    first, second = they.publish(2, in_hours=24)
    me.book(first)
    until = time.monotonic() + NEAR_S + 3
    while time.monotonic() < until:
        assert me.free(doctor["id"]) == [second]
        assert me.get(f"/v1/doctors?specialty={uuid4()}") == {"doctors": [], "next": None}
    assert not any(reads_replica(system, url) for url in urls)
    system.signal_replica(signal.SIGCONT)
    for url in urls:
        within(20, lambda url=url: reads_replica(system, url))  # type: ignore[misc]


@pytest.mark.long
def test_the_service_goes_on_without_its_replica_and_says_so_once(tmp_path: Path) -> None:
    with Stack(options(tmp_path)) as stack:
        system = start(tmp_path, stack)
        url, log = system.urls.replica_urls[0], tmp_path / "logs" / "app-1.log"
        patient, doctor = next(system.people)["token"], next(system.doctors)
        me, they = Client(url, patient), Client(url, doctor["token"])
        within(20, lambda: reads_replica(system, url))
        system.signal_replica(signal.SIGQUIT)  # PostgreSQL's immediate end
        until, days = time.monotonic() + NEAR_S + 3, count(1)
        while time.monotonic() < until:
            assert len(me.get("/v1/doctors?limit=200")["doctors"]) == 20
            [slot] = they.publish(1, in_hours=24 * next(days))
            assert slot in me.free(doctor["id"])
            assert httpx.get(f"{url}/readyz", timeout=HANGING_S).status_code == 200
        assert log.read_text().count("the primary is read: ") == 1
        assert me.get("/v1/specialties")["specialties"]


def test_a_replica_of_a_server_of_the_user_is_bad_input(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="read replica"):
        Stack(StackOptions(tmp_path, database_url="postgresql://ana@db.example/x", read_replica=True))
