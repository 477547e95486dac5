"""Who does what and when, as pure functions of the seed.

Every choice depends only on the seed and on the patient's own index and turn, never on the worker that plays the
patient or on the order of events, so a seed means the same race whatever the number of workers.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from enum import IntEnum
from itertools import count
from typing import Final

_MASK: Final = (1 << 64) - 1
_GOLDEN: Final = 0x9E3779B97F4A7C15
_TURNS: Final = 1 << 20
SLOT_MINUTES: Final = 30
SLOTS_A_DAY: Final = 24 * 60 // SLOT_MINUTES
FIRST_SLOT_IN_DAYS: Final = 30
SCHEDULE_DAYS: Final = 24 * 60
"""Within so many days swarms publish: a day for each minute of the day in which they start."""
REACTION_US: Final = 250_000
"""How long a person needs to react to what appears on a screen (Woods et al. 2015 measured a mean of 0.23 s)."""


class Purpose(IntEnum):
    """What a number is drawn for, so that two uses of one turn are independent."""

    ARRIVAL = 1
    SLOT = 2
    PAUSE = 3
    KEY = 4
    CONNECT = 5
    THINK = 6
    CHANCE = 7
    RETRY = 8


def scramble(state: int) -> int:
    """64 bits that look random, from any integer: the output function of SplitMix64 (Steele, Lea, Flood 2014)."""
    z = (state + _GOLDEN) & _MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _MASK
    return z ^ (z >> 31)


def personal_seed(seed: int, actor: int) -> int:
    """The seed of one actor's own draws; no two people of a swarm are one."""
    return scramble(scramble(seed) ^ scramble(actor & _MASK))


def draw(own_seed: int, purpose: Purpose, turn: int = 0) -> int:
    """64 bits for one purpose in one turn of an actor."""
    return scramble(own_seed + purpose * _TURNS + turn)


def uniform(own_seed: int, purpose: Purpose, turn: int = 0) -> float:
    """A number of [0, 1) for one purpose in one turn of an actor."""
    return (draw(own_seed, purpose, turn) >> 11) / (1 << 53)


def arrival_offset_us(own_seed: int, window_s: float) -> int:
    """How long after the drop this patient starts, in µs: the time to react, then uniform over the drop window."""
    return REACTION_US + int(uniform(own_seed, Purpose.ARRIVAL) * window_s * 1e6)


def choose(own_seed: int, turn: int, free: int) -> int:
    """Which of `free` free slots the patient goes for in this turn."""
    return (draw(own_seed, Purpose.SLOT, turn) * free) >> 64


def pause_s(own_seed: int, turn: int, shortest_s: float, longest_s: float) -> float:
    """How long the patient waits before looking or trying again."""
    return shortest_s + uniform(own_seed, Purpose.PAUSE, turn) * (longest_s - shortest_s)


def key_prefix(own_seed: int, salt: int) -> str:
    """What all idempotency keys of an actor share in one swarm.

    The salt is of the one time that it is run, so that the same swarm on the same database is not taken for its replay.
    """
    bits = f"{scramble(own_seed ^ salt):016x}"
    return f"{bits[:8]}-{bits[8:12]}-4{bits[13:]}-8{bits[12]}00-"


def idempotency_key(prefix: str, own_seed: int, turn: int) -> str:
    """The key of the write that an actor makes in this turn: a UUID in form, unique per actor, race and turn."""
    return f"{prefix}{draw(own_seed, Purpose.KEY, turn) & 0xFFFFFFFFFFFF:012x}"


def idempotency_keys(own_seed: int, salt: int) -> Iterator[str]:
    """A key for each write of an actor, in their order; `salt` tells one swarm from the same one, run again."""
    prefix = key_prefix(own_seed, salt)
    for turn in count():
        yield idempotency_key(prefix, own_seed, turn)


def doctor_of(patient: int, doctors: int) -> int:
    """The doctor that a patient is loyal to; doctors get equal numbers of patients, to within one."""
    return patient % doctors


def slots_of(doctor: int, doctors: int, slots: int) -> int:
    """How many of all slots this doctor publishes; doctors publish equal numbers, to within one."""
    return slots // doctors + (doctor < slots % doctors)


def share(worker: int, workers: int, actors: int) -> range:
    """The indices of the `actors` that one of the workers plays."""
    return range(worker, actors, workers)


def untaken_day(at_us: int, days: int) -> datetime:
    """Midnight UTC of a day some weeks after `at_us` from which on so many days are likely to be empty.

    Swarms of different minutes get different days, so that several on one system do not publish the same hours: of a
    day for one day each, of fewer hours for more, as systems take slots only of some years to come.
    """
    at = datetime.fromtimestamp(at_us / 1e6, UTC)
    place = (at.hour * 60 + at.minute) % max(SCHEDULE_DAYS // days, 1)
    midnight = at.replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight + timedelta(days=FIRST_SLOT_IN_DAYS + place * days)


def schedule(drop_us: int, slots: int) -> list[dict[str, str | int]]:
    """What a doctor publishes: `slots` one after the other, from midnight UTC of an untaken day."""
    first = untaken_day(drop_us, -(-slots // SLOTS_A_DAY))
    return [
        {"starts_at": f"{first + timedelta(minutes=SLOT_MINUTES * k):%Y-%m-%dT%H:%M:%SZ}", "minutes": SLOT_MINUTES}
        for k in range(slots)
    ]
