"""Faults of the stack's processes: killed, restarted, or stopped without being dead."""

import os
import signal
import time
from pathlib import Path
from typing import ClassVar, Final

import redis

from slotrush.chaos.fault import Fault, Site
from slotrush.snapshot import GROUP, STREAM
from slotrush.stack import app, database, valkey
from slotrush.stack.process import Process, signal_group
from slotrush.stack.replicas import Stage

_MAIL_WAIT_S: Final = 0.2
"""How long the notifier is watched for a mail in its hands, each time: the run goes on meanwhile."""
_MAIL_POLL_S: Final = 0.002
_CACHE_TIMEOUT_S: Final = 2.0


class _Ended(Fault):
    """A part of `component` gets `number`, and the stack starts it anew."""

    component: ClassVar[str]
    number: ClassVar[signal.Signals] = signal.SIGKILL

    def __init__(self) -> None:
        self._ended_pid = 0

    def inject(self, site: Site) -> str | None:
        victim = self.victim(site)
        if victim is None:
            return None
        self._ended_pid = victim.pid
        site.stack.end(victim, self.number)
        return victim.command.name

    def victim(self, site: Site) -> Process | None:
        candidates = site.stack.living(self.component)
        return site.rng.choice(candidates) if candidates else None

    def is_over(self, site: Site) -> bool:
        living = site.stack.living(self.component)
        return bool(living) and self._ended_pid not in [part.pid for part in living] and self.serves(site)

    def serves(self, site: Site) -> bool:
        """Whether the component does its work again, once there is a new process."""
        raise NotImplementedError


class KillReplica(_Ended):
    name = "kill-replica"
    title = "kill -9 of a replica"
    effect = "requests in its hands fail; the proxies send the rest to the others at once"
    back_within_s = 10
    component = "app"

    def serves(self, site: Site) -> bool:
        return all(app.ready(one.url) for one in site.stack.replicas.at(Stage.SERVING))


class KillValkey(_Ended):
    name = "kill-valkey"
    title = "kill -9 of Valkey, which comes back with its append-only file"
    effect = "reads fall back on the database, mails wait; bookings do not depend on it"
    back_within_s = 15
    component = "valkey"

    def serves(self, site: Site) -> bool:
        return valkey.answers(site.urls.redis_url)


class RestartPostgres(_Ended):
    name = "restart-postgres"
    title = "restart of PostgreSQL (fast shutdown: every session is cut)"
    effect = "what needs the database fails until it is back; nothing acknowledged is lost"
    back_within_s = 20
    component = "postgres"
    number = signal.SIGINT

    def serves(self, site: Site) -> bool:
        return database.answers(site.urls.database_url)


class CrashPostgres(RestartPostgres):
    name = "crash-postgres"
    title = "kill -9 of PostgreSQL, which recovers from its log"
    back_within_s = 25
    number = signal.SIGKILL


class FailOver(Fault):
    name = "fail-over"
    title = "kill -9 of the primary database for good; its synchronous standby is promoted"
    effect = "what needs the database fails until the standby has taken over; nothing acknowledged is lost"
    back_within_s = 20
    needs_standby = True

    def inject(self, site: Site) -> str | None:
        return site.stack.fail_over()

    def is_over(self, site: Site) -> bool:
        return database.answers(site.urls.database_url)


class RestartProxy(_Ended):
    name = "restart-proxy"
    title = "restart of a proxy, without draining it"
    effect = "each of its clients' connections fails once, when its client asks next, and is made anew"
    back_within_s = 30
    component = "proxy"
    number = signal.SIGTERM

    def serves(self, site: Site) -> bool:
        return all(proxy.ready() for proxy in site.stack.replicas.proxies)


class KillNotifier(_Ended):
    """In the middle of a mail: while it has events from the stream that it has not acknowledged."""

    name = "kill-notifier"
    title = "kill -9 of the notifier in the middle of a mail"
    effect = "none for who asks; mails are late by about a minute, and the same mail may be sent again"
    back_within_s = 5
    component = "notifier"

    def victim(self, site: Site) -> Process | None:
        return super().victim(site) if _is_sending(site) else None

    def serves(self, site: Site) -> bool:
        return bool(site.stack.living(self.component))


class FreezeReplica(Fault):
    name = "freeze-replica"
    title = "SIGSTOP of a replica: it answers nothing, but its connections stay (a grey failure)"
    effect = "the few requests in its hands wait as long as it does; the others are asked in its place"
    back_within_s = 30
    lasts_s = 20.0

    def __init__(self) -> None:
        self._frozen: Process | None = None

    def inject(self, site: Site) -> str | None:
        replicas = site.stack.living("app")
        if not replicas:
            return None
        self._frozen = site.rng.choice(replicas)
        signal_group(self._frozen.trace, signal.SIGSTOP)
        return self._frozen.command.name

    def heal(self, _site: Site) -> None:
        assert self._frozen is not None
        signal_group(self._frozen.trace, signal.SIGCONT)

    def is_over(self, site: Site) -> bool:
        return all(app.ready(one.url) for one in site.stack.replicas.at(Stage.SERVING))


class KillWorker(Fault):
    """Of the load generator, not of the system: what the run says afterwards must still be true."""

    name = "kill-worker"
    title = "kill -9 of a worker of the load generator"
    effect = "none; the load of its users is gone, and the run says so"
    back_within_s = 5

    @classmethod
    def times_max(cls, workers: int) -> float:
        return workers - 1  # somebody has to go on

    def inject(self, site: Site) -> str | None:
        workers = [child for root in site.swarm.pids() for child in _children(root)]
        if not workers:
            return None
        os.kill(site.rng.choice(workers), signal.SIGKILL)
        return "a worker"

    def is_over(self, _site: Site) -> bool:
        return True  # nobody starts another


def _is_sending(site: Site) -> bool:
    """Whether the notifier has taken events that it has not acknowledged, now or within a moment."""
    deadline_s = time.monotonic() + _MAIL_WAIT_S
    stream = site.urls.redis_key_prefix + STREAM
    try:
        with redis.Redis.from_url(site.urls.redis_url, socket_timeout=_CACHE_TIMEOUT_S) as cache:
            while time.monotonic() < deadline_s:
                if cache.xpending(stream, GROUP)["pending"]:
                    return True
                time.sleep(_MAIL_POLL_S)
    except redis.RedisError:  # away, or without a stream: then there is no mail either
        return False
    return False


def _children(pid: int) -> list[int]:
    """The living children of a process, in the order in which they came."""
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []
