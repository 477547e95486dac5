"""A clinic's day from midnight to midnight, compressed into any length of time."""

import tomllib
from importlib.resources import files
from itertools import pairwise

from slotrush.swarm.load.rates import Piece


def day_pieces(peak_per_s: float, from_s: float, until_s: float) -> list[Piece]:
    """Independent arrivals at the rates of day.toml, `peak_per_s` in the busiest hour; an hour is 1/24 of the time."""
    per_s = [peak_per_s * share for share in hourly_shares()]
    hours = len(per_s)
    starts_s = [from_s + (until_s - from_s) * hour / hours for hour in range(hours)]
    ramps = pairwise([*per_s, per_s[0]])
    return [
        Piece("poisson", begin_s, end_s, first_per_s, last_per_s)
        for (begin_s, end_s), (first_per_s, last_per_s) in zip(pairwise([*starts_s, until_s]), ramps, strict=True)
    ]


def hourly_shares() -> list[float]:
    """The rate at each full hour of the day, from 0 h on, as a share of the busiest hour's."""
    source = files("slotrush.swarm.load").joinpath("day.toml").read_text(encoding="utf-8")
    shares: list[float] = tomllib.loads(source)["hourly"]
    return shares
