"""What a storm of logins at twice the login capacity does to the bookings of patients who are signed in.

`python -m slotrush.bench.logins [--rounds 4] [--seconds 10] [--bookings-per-s 100]`, or scripts/bench-logins. Calm and
storm take turns; bookings come at a constant rate, and their response time counts from when they were due.
"""

import argparse
import asyncio
import math
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import asyncpg
import orjson

from slotrush.bench.driver import Answer, closed, opened, request
from slotrush.bench.requests import Requests
from slotrush.bench.scene import Scene, scene
from slotrush.errors import StackError

PATIENTS: Final = 400
DOCTORS: Final = 41
PASSWORD: Final = "only for tests"
CAPACITY_LOGINS: Final = 300
CAPACITY_CONNECTIONS: Final = 8
STORM: Final = 2.0
BOOKING_CONNECTIONS: Final = 64
STORM_CONNECTIONS: Final = 1_000


@dataclass
class Seen:
    """The bookings' response times in ms, and how bookings and logins were answered."""

    bookings_ms: list[float] = field(default_factory=list)
    bookings: Counter[int] = field(default_factory=Counter)
    logins: Counter[int] = field(default_factory=Counter)

    def add(self, bookings: Sequence[Answer], logins: Sequence[Answer]) -> None:
        self.bookings_ms += [answer.response_ms for answer in bookings]
        self.bookings.update(answer.status for answer in bookings)
        self.logins.update(answer.status for answer in logins)


def quantile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` of them do not exceed (nearest rank)."""
    return sorted(values)[max(math.ceil(share * len(values)), 1) - 1]


async def _logins(scene: Scene) -> list[bytes]:
    """One login of each patient."""
    connection = await asyncpg.connect(scene.urls.database_url)
    try:
        rows: list[Any] = await connection.fetch("SELECT email FROM patients ORDER BY email")
    finally:
        await connection.close()
    bodies = [orjson.dumps({"email": row["email"], "password": PASSWORD}) for row in rows]
    return [request("POST", "/v1/sessions", body=body) for body in bodies]


async def capacity_per_s(scene: Scene, logins: Sequence[bytes]) -> float:
    """How many logins the system answers when it does nothing else."""
    began_s = time.perf_counter()
    several = [logins[number % len(logins)] for number in range(CAPACITY_LOGINS)]
    answers = await closed(scene.urls.base_url, several, CAPACITY_CONNECTIONS)
    good = sum(answer.status == 201 for answer in answers)
    if good < len(answers):
        raise StackError(f"only {good} of {len(answers)} logins were answered while nothing else was asked")
    return good / (time.perf_counter() - began_s)


async def measure(scene: Scene, rounds: int, seconds: float, bookings_per_s: float) -> tuple[float, Seen, Seen]:
    """The login capacity per second, and what was seen in calm and in storm."""
    logins = await _logins(scene)
    requests = Requests(scene)
    per_round = int(seconds * bookings_per_s)
    await requests.publish((2 * rounds + 1) * per_round)
    url = scene.urls.base_url
    await opened(url, requests.bookings(per_round), bookings_per_s, BOOKING_CONNECTIONS)  # to warm up
    login_rate_per_s = await capacity_per_s(scene, logins)
    storm_rate_per_s = STORM * login_rate_per_s
    storm = [logins[number % len(logins)] for number in range(int(seconds * storm_rate_per_s))]
    calm_seen, storm_seen = Seen(), Seen()
    for turn in range(rounds):
        bookings = opened(url, requests.bookings(per_round), bookings_per_s, BOOKING_CONNECTIONS)
        calm_seen.add(await bookings, [])
        bookings = opened(url, requests.bookings(per_round), bookings_per_s, BOOKING_CONNECTIONS)
        storming = opened(url, storm, storm_rate_per_s, STORM_CONNECTIONS)
        storm_seen.add(*await asyncio.gather(bookings, storming))
        print(f"  round {turn + 1} of {rounds}", file=sys.stderr)
    return login_rate_per_s, calm_seen, storm_seen


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench-logins", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=4, help="of calm and storm, in turns")
    parser.add_argument("--seconds", type=float, default=10, help="of each")
    parser.add_argument("--bookings-per-s", type=float, default=100)
    options = parser.parse_args()
    if min(options.rounds, options.seconds, options.bookings_per_s) <= 0:
        parser.error("--rounds, --seconds and --bookings-per-s must be more than 0")
    with scene(PATIENTS, DOCTORS, replicas=2, LOGIN_ATTEMPTS_PER_ADDRESS="1000000") as booking:
        rate, calm, storm = asyncio.run(measure(booking, options.rounds, options.seconds, options.bookings_per_s))
    print(f"login capacity {rate:.0f}/s; the storm asks for {STORM * rate:.0f}/s, answers {dict(storm.logins)}")
    for name, seen in (("calm", calm), ("storm", storm)):
        times = ", ".join(f"p{share * 100:g} {quantile(seen.bookings_ms, share):.1f} ms" for share in (0.5, 0.9, 0.99))
        print(f"bookings in {name:6} {times}, answers {dict(seen.bookings)}")
    growth = quantile(storm.bookings_ms, 0.99) / quantile(calm.bookings_ms, 0.99) - 1
    print(f"the p99 of bookings grows by {growth:.0%}")


if __name__ == "__main__":
    main()
