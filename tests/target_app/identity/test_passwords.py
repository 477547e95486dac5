"""The pool keeps a storm of sign-ins bounded: in threads, in their rank, in how many wait, and for how long."""

import asyncio
import itertools
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from target_app.identity import passwords as module
from target_app.identity.passwords import HASHER, UNUSABLE, Passwords
from target_app.problems import Problem


@contextmanager
def pool(**limits: float) -> Iterator[Passwords]:
    passwords = Passwords(**limits)  # type: ignore[arg-type]
    try:
        yield passwords
    finally:
        passwords.close()


def test_only_the_password_of_a_hash_matches_it() -> None:
    async def checks() -> list[bool]:
        with pool() as passwords:
            password_hash = await passwords.hash("long enough")
            return [
                await passwords.check(password_hash, "long enough"),
                await passwords.check(password_hash, "long enough "),
                await passwords.check(None, "long enough"),
                await passwords.check(UNUSABLE, UNUSABLE),
            ]

    assert asyncio.run(checks()) == [True, False, False, False]


def test_nobody_and_an_account_without_a_password_cost_the_same_work(monkeypatch: pytest.MonkeyPatch) -> None:
    checked: list[str] = []
    verify = module.matches

    def note(password_hash: str, password: str) -> bool:
        checked.append(password_hash)
        return verify(password_hash, password)

    monkeypatch.setattr(module, "matches", note)

    async def check_all() -> None:
        with pool() as passwords:
            for password_hash in (HASHER.hash("a"), None, UNUSABLE):
                await passwords.check(password_hash, "guess")

    asyncio.run(check_all())
    assert [hashed.rpartition("$")[0].rpartition("$")[0] for hashed in checked] == [
        "$argon2id$v=19$m=19456,t=2,p=1"
    ] * 3


def test_work_is_done_in_few_threads_that_stand_back(monkeypatch: pytest.MonkeyPatch) -> None:
    ranks: dict[int, int] = {}

    def note(_: str, __: str) -> bool:
        ranks[threading.get_native_id()] = os.sched_getscheduler(threading.get_native_id())
        time.sleep(0.01)
        return True

    monkeypatch.setattr(module, "matches", note)

    async def storm() -> None:
        with pool(threads=2) as passwords:
            await asyncio.gather(*(passwords.check("a hash", "guess") for _ in range(20)))

    own = os.sched_getscheduler(0)
    asyncio.run(storm())
    assert set(ranks.values()) == {os.SCHED_IDLE}
    assert len(ranks) == 2
    assert own == os.sched_getscheduler(0), "the event loop keeps its rank"


def test_when_the_queue_is_full_the_next_is_sent_away_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    hold = threading.Event()
    monkeypatch.setattr(module, "matches", lambda _, __: hold.wait(20))

    async def storm() -> tuple[Problem, list[bool]]:
        with pool(threads=1, waiting_max=3) as passwords:
            waiting = [asyncio.create_task(passwords.check("a hash", "guess")) for _ in range(4)]
            await asyncio.sleep(0)
            with pytest.raises(Problem) as admitted:
                passwords.admit()
            with pytest.raises(Problem) as refused:
                await passwords.hash("one more")
            assert refused.value.reason == admitted.value.reason
            hold.set()
            return refused.value, await asyncio.gather(*waiting)

    refusal, done = asyncio.run(storm())
    assert (refusal.status, refusal.reason) == (503, "sign-in-busy")
    assert dict(refusal.headers)[b"retry-after"].isdigit()
    assert done == [True] * 4


def test_who_waits_for_too_long_is_sent_away_and_costs_nothing_more(monkeypatch: pytest.MonkeyPatch) -> None:
    hold = threading.Event()
    checked: list[str] = []

    def note(_: str, password: str) -> bool:
        checked.append(password)
        return hold.wait(20)

    monkeypatch.setattr(module, "matches", note)
    monkeypatch.setattr(module, "REST", 0.0)

    async def storm() -> None:
        with pool(threads=1, wait_s_max=0.05) as passwords:
            first = asyncio.create_task(passwords.check("a hash", "first"))
            await asyncio.sleep(0)
            with pytest.raises(Problem) as refused:
                await passwords.check("a hash", "late")
            assert refused.value.status == 503
            hold.set()
            assert await first
            assert await passwords.check("a hash", "next"), "the pool goes on"

    asyncio.run(storm())
    assert checked == ["first", "next"]


def test_the_time_to_come_back_grows_with_the_queue(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "matches", lambda _, __: time.sleep(0.02))

    async def storm(waiting_max: int) -> int:
        with pool(threads=1, waiting_max=waiting_max) as passwords:
            waiting = [asyncio.create_task(passwords.check("a hash", "guess")) for _ in range(waiting_max + 1)]
            await asyncio.sleep(0)
            with pytest.raises(Problem) as refused:
                passwords.admit()
            for each in waiting:
                each.cancel()
            return int(dict(refused.value.headers)[b"retry-after"])

    assert asyncio.run(storm(1)) < asyncio.run(storm(500))


def test_a_thread_rests_for_as_long_as_it_worked(monkeypatch: pytest.MonkeyPatch) -> None:
    began_s: list[float] = []

    def note(_: str, __: str) -> bool:
        began_s.append(time.monotonic())
        time.sleep(0.05)
        return True

    monkeypatch.setattr(module, "matches", note)

    async def storm() -> None:
        with pool(threads=1) as passwords:
            await asyncio.gather(*(passwords.check("a hash", "guess") for _ in range(3)))

    asyncio.run(storm())
    assert all(later - earlier >= 0.09 for earlier, later in itertools.pairwise(began_s))  # 0.05 of work, as much rest
