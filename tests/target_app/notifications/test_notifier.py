"""One member or several on a stream of their own, and a mail server that does not always want what they bring."""

import asyncio
from collections.abc import Callable
from typing import Any
from uuid import UUID

import asyncpg
import httpx
import pytest

from target_app.notifications import mailer
from target_app.notifications.notifier import ABANDONED_MS, GROUP, PAUSES_S
from tests.target_app import locks

ROWS = "SELECT state, attempts, error, retry_at - now() AS pause FROM notifications WHERE event_id = $1"
TO_WHOM = "SELECT recipient, state FROM notifications WHERE event_id = $1"
FINE, NEVER, LATER = "250 OK", "550 no such user", "451 try again"


BEYOND_THE_WORKER_S = 30 * 3_600.0
"""So that the running worker, which looks a day ahead, reminds nobody of these appointments."""


def states(sql: Any, event: UUID) -> list[str]:
    return [row["state"] for row in sql(ROWS, event)]


@pytest.fixture
def told_late(appointments: Any, sql: Any) -> Callable[[str, str], UUID]:
    """An event of which nobody was told yet, though its appointment is `since` changed."""

    def told_late(event: str, since: str) -> UUID:
        (appointment,) = appointments(1, in_s=BEYOND_THE_WORKER_S, state="requested")
        sql(f"UPDATE appointments SET {since} WHERE id = $1", appointment)
        (row,) = sql(
            "INSERT INTO appointment_events (appointment_id, state, actor_id, idempotency_key, relayed_at)"
            " VALUES ($1, $2, system_actor(), gen_random_uuid()::text, now()) RETURNING id",
            appointment,
            event,
        )
        return UUID(str(row["id"]))

    return told_late


def test_what_a_dead_member_had_begun_is_finished_by_another(members: Any, office: Any, unsent: UUID, sql: Any) -> None:
    async def go() -> tuple[int, int]:
        async with members() as ((notifier,), client, stream):
            await client.xadd(stream, {"event": str(unsent)})
            taken = await client.xreadgroup(GROUP, "first", {stream: ">"}, count=1)  # and dies
            assert taken
            nothing_new = await notifier.work()
            (pending,) = await client.xpending_range(stream, GROUP, "-", "+", 1)
            await client.xclaim(stream, GROUP, "first", 0, [pending["message_id"]], idle=2 * ABANDONED_MS)
            return nothing_new, await notifier.rescue()

    with office(lambda *_: FINE) as it:
        assert asyncio.run(go()) == (0, 1)
    assert states(sql, unsent) == ["sent", "sent"]
    assert len(it.accepted) == 2


def test_what_a_slow_member_works_on_is_not_taken_from_it(members: Any, office: Any, unsent: UUID) -> None:
    async def go() -> list[int]:
        async with members(2, abandoned_ms=600) as ((slow, other), client, stream):
            await client.xadd(stream, {"event": str(unsent)})
            working = asyncio.create_task(slow.work())
            rescued = []
            while not working.done():
                rescued.append(await other.rescue())
                await asyncio.sleep(0.05)
            return rescued

    with office(lambda *_: FINE, pause_s=1.2) as it:
        rescued = asyncio.run(go())
    assert set(rescued) == {0}
    assert len(it.accepted) == 2


def test_two_copies_of_an_event_at_two_members_send_one_e_mail_each(members: Any, office: Any, unsent: UUID) -> None:
    async def go() -> None:
        async with members(2, abandoned_ms=1_500) as ((slow, other), client, stream):
            await client.xadd(stream, {"event": str(unsent)})
            working = asyncio.create_task(slow.work())
            await asyncio.sleep(0.5)
            while not working.done():
                await client.xadd(stream, {"event": str(unsent)})
                await other.work()

    with office(lambda *_: FINE, pause_s=2.0) as it:
        asyncio.run(go())
    assert sorted(it.tries.values()) == [1, 1]
    assert len(it.accepted) == 2


def test_what_somebody_works_on_unseen_is_left_to_them(members: Any, office: Any, unsent: UUID, sql: Any) -> None:
    """And finished by others when they die after all."""
    lease = "UPDATE notifications SET leased_until = now() + make_interval(secs => $2) WHERE event_id = $1"
    begun = "INSERT INTO notifications (event_id, recipient, state) SELECT $1, email, 'sending' FROM patients LIMIT 1"

    async def go() -> tuple[int, int]:
        async with members() as ((notifier,), client, stream):
            await client.xadd(stream, {"event": str(unsent)})
            await client.xreadgroup(GROUP, "first", {stream: ">"}, count=1)
            rescued = []
            for leased_s in (60.0, -1.0):
                await asyncio.to_thread(sql, lease, unsent, leased_s)
                (pending,) = await client.xpending_range(stream, GROUP, "-", "+", 1)
                await client.xclaim(stream, GROUP, "first", 0, [pending["message_id"]], idle=2 * ABANDONED_MS)
                rescued.append(await notifier.rescue())
            return rescued[0], rescued[1]

    sql(begun, unsent)
    with office(lambda *_: FINE):
        assert asyncio.run(go()) == (0, 1)


def test_what_cannot_be_delivered_becomes_a_dead_letter_that_names_nobody(
    members: Any, office: Any, unsent: UUID, sql: Any, email: Any, patient: Any, caplog: pytest.LogCaptureFixture
) -> None:
    async def go() -> tuple[Any, int]:
        async with members() as ((notifier,), client, stream):
            await client.xadd(stream, {"event": str(unsent)})
            await notifier.work()
            return await client.xrange(f"{stream}:dead"), await client.xlen(stream)

    with office(lambda address, _: f"{NEVER} {address}"):
        dead, left = asyncio.run(go())
    assert left == 0
    assert sorted((fields[b"event"].decode(), fields[b"to"]) for _, fields in dead) == [
        (str(unsent), b"doctor"),
        (str(unsent), b"patient"),
    ]
    assert all(b"no such user" in fields[b"error"] for _, fields in dead)
    assert states(sql, unsent) == ["failed", "failed"]
    assert str(unsent) in caplog.text
    assert email(patient) not in caplog.text + str(dead) + str(sql(ROWS, unsent))


def test_what_the_server_wants_later_is_put_off_for_longer_each_time_and_then_given_up(
    members: Any, office: Any, unsent: UUID, sql: Any, email: Any, patient: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other one's e-mail is sent once."""
    monkeypatch.setattr(mailer, "BACK_OFF_S", 0.01)
    busy = email(patient)

    async def go() -> tuple[list[float | None], int]:
        pauses_s = []
        async with members() as ((notifier,), client, stream):
            for _ in range(len(PAUSES_S) + 1):
                await client.xadd(stream, {"event": str(unsent)})
                await notifier.work()
                await client.xadd(stream, {"event": str(unsent)})
                await notifier.work()  # before its time, which changes nothing
                (row,) = await asyncio.to_thread(sql, f"{ROWS} AND recipient = $2", unsent, busy)
                pauses_s.append(row["pause"] and row["pause"].total_seconds())
                await asyncio.to_thread(
                    sql, "UPDATE notifications SET retry_at = NULL WHERE retry_at > now() AND event_id = $1", unsent
                )
            return pauses_s, await client.xlen(f"{stream}:dead")

    with office(lambda address, _: LATER if address == busy else FINE) as it:
        pauses_s, dead = asyncio.run(go())
    assert pauses_s == [pytest.approx(pause_s, abs=10.0) for pause_s in PAUSES_S] + [None]
    assert dead == 1
    assert sorted((row["state"], row["attempts"]) for row in sql(ROWS, unsent)) == [
        ("failed", len(PAUSES_S) + 1),
        ("sent", 1),
    ]
    assert len(it.accepted) == 1


@pytest.mark.parametrize(
    ("event", "since", "becomes"),
    [
        ("reminder", "state = 'accepted'", {"sent"}),
        ("reminder", "state = 'cancelled'", {"overtaken"}),
        ("reminder", "state = 'completed'", {"overtaken"}),
        ("reminder", "state = 'cancelled', during = tstzrange(now() - interval '1 min', now())", {"overtaken"}),
        ("offered", "state = 'offered', offer_expires_at = now() + interval '1 h'", {"sent"}),
        ("offered", "state = 'offered', offer_expires_at = now() - interval '1 s'", {"overtaken"}),
        ("offered", "state = 'requested', offer_expires_at = now() + interval '1 h'", {"overtaken"}),
        ("accepted", "state = 'accepted'", {"sent"}),
        ("accepted", "state = 'cancelled'", {"overtaken"}),
        ("cancelled", "state = 'cancelled'", {"sent"}),
        ("requested", "state = 'declined'", {"sent"}),
    ],
)
def test_an_offer_a_confirmation_or_a_reminder_that_was_overtaken_is_not_sent(
    members: Any, office: Any, told_late: Any, sql: Any, event: str, since: str, becomes: set[str]
) -> None:
    """It is no dead letter, and stays what it is; what else has happened is told in any case."""
    late = told_late(event, since)

    async def go() -> tuple[int, int]:
        async with members() as ((notifier,), client, stream):
            for _ in range(2):
                await client.xadd(stream, {"event": str(late)})
                await notifier.work()
            return await client.xlen(stream), await client.xlen(f"{stream}:dead")

    with office(lambda *_: FINE) as it:
        assert asyncio.run(go()) == (0, 0)
    assert set(states(sql, late)) == becomes
    assert len(it.accepted) == states(sql, late).count("sent")


def test_a_reminder_is_overtaken_also_while_it_waits_for_the_mail_server(
    members: Any, office: Any, told_late: Any, sql: Any
) -> None:
    late = told_late("reminder", "state = 'accepted'")
    cancel = "UPDATE appointments SET state = 'cancelled' WHERE id = (SELECT appointment_id FROM appointment_events"

    async def go() -> None:
        async with members() as ((notifier,), client, stream):
            await client.xadd(stream, {"event": str(late)})
            working = asyncio.create_task(notifier.work())  # nobody is at the port
            while not await asyncio.to_thread(states, sql, late):
                await asyncio.sleep(0.02)
            await asyncio.to_thread(sql, f"{cancel} WHERE id = $1)", late)
            with it:
                await working

    it = office(lambda *_: FINE)
    asyncio.run(go())
    assert states(sql, late) == ["overtaken"]
    assert it.accepted == []


def test_a_patient_who_is_being_removed_gets_no_e_mail_and_their_address_is_not_kept(
    stack: Any, members: Any, office: Any, unsent: UUID, sql: Any, email: Any, patient: Any, doctor: Any
) -> None:
    """The event was read already, with the address."""

    async def go() -> None:
        removal = await asyncpg.connect(stack.database_url)
        try:
            async with members() as ((notifier,), client, stream):
                await client.xadd(stream, {"event": str(unsent)})
                async with removal.transaction():
                    await removal.execute("SELECT FROM patients WHERE id = $1 FOR UPDATE", UUID(patient.id))
                    working = asyncio.create_task(notifier.work())
                    await locks.until(removal, waited_for=True)
                    await removal.execute(
                        "UPDATE patients SET email = $2, cpf = NULL, removed_at = now() WHERE id = $1",
                        UUID(patient.id),
                        f"removed-{patient.id}@removed.invalid",
                    )
                await working
        finally:
            await removal.close()

    with office(lambda *_: FINE) as it:
        asyncio.run(go())
    assert it.accepted == [email(doctor)]
    assert [row["recipient"] for row in sql(TO_WHOM, unsent)] == [email(doctor)]


def test_what_waits_for_the_mail_server_is_not_sent_to_a_patient_who_was_removed_meanwhile(
    api: httpx.Client, members: Any, office: Any, unsent: UUID, sql: Any, email: Any, patient: Any, doctor: Any
) -> None:
    async def go() -> None:
        async with members() as ((notifier,), client, stream):
            await client.xadd(stream, {"event": str(unsent)})
            working = asyncio.create_task(notifier.work())  # nobody is at the port
            while not await asyncio.to_thread(states, sql, unsent):
                await asyncio.sleep(0.02)
            removed = await asyncio.to_thread(api.delete, "/v1/me", headers=patient.headers())
            assert removed.status_code == 204
            with it:
                await working

    it = office(lambda *_: FINE)
    asyncio.run(go())
    assert it.accepted == [email(doctor)]
    assert {row["recipient"]: row["state"] for row in sql(TO_WHOM, unsent)} == {
        email(doctor): "sent",
        email(patient): "failed",
    }


def test_an_overtaken_e_mail_that_was_a_dead_letter_is_none_any_more(
    members: Any, office: Any, told_late: Any, sql: Any, email: Any, patient: Any
) -> None:
    """Support had it sent again, too late."""
    late = told_late("reminder", "state = 'cancelled'")
    sql("INSERT INTO notifications (event_id, recipient, state) VALUES ($1, $2, 'sending')", late, email(patient))

    async def go() -> int:
        async with members() as ((notifier,), client, stream):
            await client.xadd(f"{stream}:dead", {"event": str(late), "to": "patient", "error": "550"})
            await client.xadd(stream, {"event": str(late)})
            await notifier.work()
            return int(await client.xlen(f"{stream}:dead"))

    with office(lambda *_: FINE):
        assert asyncio.run(go()) == 0
    assert states(sql, late) == ["overtaken"]


def test_a_dead_letter_is_none_any_more_once_it_was_tried_again(
    members: Any, office: Any, unsent: UUID, sql: Any
) -> None:
    """There is never more than one for an e-mail, and others stay."""

    async def go() -> list[int]:
        dead = []
        async with members() as ((notifier,), client, stream):
            await client.xadd(f"{stream}:dead", {"event": "another", "to": "patient", "error": "550"})
            for verdict in (NEVER, NEVER, FINE):
                it.verdict = lambda *_, verdict=verdict: verdict
                await asyncio.to_thread(sql, "UPDATE notifications SET state = 'sending' WHERE event_id = $1", unsent)
                await client.xadd(stream, {"event": str(unsent)})
                await notifier.work()
                dead.append(await client.xlen(f"{stream}:dead"))
        return dead

    with office(lambda *_: NEVER) as it:
        assert asyncio.run(go()) == [3, 3, 1]
    assert states(sql, unsent) == ["sent", "sent"]
