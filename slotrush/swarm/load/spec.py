"""Reads the specification of an open load.

    constant:200                      200 arrivals a second, evenly spaced, for as long as the run
    poisson:10..200@5m,poisson:200    independent arrivals: five minutes of a ramp, then 200 a second
    day:200@10m                       a clinic's day from midnight to midnight, 200 a second in its busiest hour
    trace:bookings.csv@2x             recorded times, played back twice as fast

Rates are arrivals per second; a duration is in seconds (30, 30s), minutes (5m) or hours (1h). Stages follow each other,
and only the last may lack its duration: it lasts until the run ends.
"""

import math
import re
from pathlib import Path
from typing import Final

from slotrush.errors import BadInputError
from slotrush.swarm.load.arrivals import Arrivals
from slotrush.swarm.load.day import day_pieces
from slotrush.swarm.load.rates import Piece, RatedArrivals
from slotrush.swarm.load.trace import read_trace

KINDS: Final = ("constant", "poisson", "day", "trace")
HIGHEST_PER_S: Final = 1_000_000.0
"""Times are whole µs: more arrivals a second could not be told apart."""
LONGEST_S: Final = 366 * 24 * 3600.0
"""A year and a day: longer is a slip of the pen."""
_UNITS_S: Final = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0}
_NUMBER: Final = r"[0-9]+(?:\.[0-9]+)?"
_DURATION: Final = re.compile(rf"({_NUMBER})([smh]?)")
_TRACE: Final = re.compile(rf"trace:(?P<path>.*?)(@(?P<speed>{_NUMBER})x)?", re.DOTALL)


def parse_arrivals(spec: str, duration_s: float | None) -> Arrivals:
    """The arrivals that `spec` describes, of a run that lasts `duration_s` or, if that is None, until it is ended.

    What would come after the end of the run is left out. Raises BadInputError, which names the part that is wrong.
    """
    end_s = math.inf if duration_s is None else duration_s
    if trace := _TRACE.fullmatch(spec):
        return read_trace(Path(trace["path"]), _speed(spec, trace["speed"]), end_s)
    pieces: list[Piece] = []
    *earlier, last = (text.strip() for text in spec.split(","))
    for text in earlier:
        pieces += _stage(text, pieces[-1].until_s if pieces else 0.0, None)
    pieces += _stage(last, pieces[-1].until_s if pieces else 0.0, end_s)
    within = tuple(piece.cut(end_s) for piece in pieces if piece.from_s < end_s)
    if not any(piece.expected for piece in within):
        raise BadInputError(f"--arrivals {spec}", "nobody ever arrives while the run lasts", "Give a rate above 0")
    return RatedArrivals(within)


def _stage(text: str, from_s: float, end_s: float | None) -> list[Piece]:
    """The pieces of one stage, which lasts until `end_s` unless it says how long; None: it must say so."""
    thing = f"--arrivals, stage {text!r}"
    kind, _, rest = text.partition(":")
    if kind not in KINDS:
        raise BadInputError(thing, f"{kind!r} is no kind of load", f"Use one of: {', '.join(KINDS)}")
    if kind == "trace":
        raise BadInputError(thing, "a trace cannot be joined with stages", "Give --arrivals trace:PATH alone")
    rates, at, duration = rest.partition("@")
    if at:
        until_s = from_s + _duration_s(thing, duration)
    elif end_s is not None:
        until_s = end_s
    else:
        raise BadInputError(thing, "only the last stage may lack its duration", f"Write how long, e.g. {text}@5m")
    if kind == "day":
        peak_per_s = _rate_per_s(thing, rates)
        _require_end(thing, "a day", until_s)
        return day_pieces(peak_per_s, from_s, until_s)
    first, dots, last = rates.partition("..")
    first_per_s = _rate_per_s(thing, first)
    last_per_s = _rate_per_s(thing, last) if dots else first_per_s
    if first_per_s != last_per_s:
        _require_end(thing, "a ramp", until_s)
    return [Piece("constant" if kind == "constant" else "poisson", from_s, until_s, first_per_s, last_per_s)]


def _rate_per_s(thing: str, text: str) -> float:
    if re.fullmatch(_NUMBER, text) and (rate_per_s := float(text)) <= HIGHEST_PER_S:
        return rate_per_s
    mend = "Write arrivals per second, e.g. constant:200, poisson:0.5 or poisson:10..200@5m for a ramp"
    raise BadInputError(thing, f"its rate {text!r} is not a number from 0 to {HIGHEST_PER_S:,.0f}", mend)


def _duration_s(thing: str, text: str) -> float:
    if (match := _DURATION.fullmatch(text)) and 0 < (seconds := float(match[1]) * _UNITS_S[match[2]]) <= LONGEST_S:
        return seconds
    mend = "Write seconds, minutes or hours above 0 after the @, e.g. 30, 30s, 5m, 1h"
    raise BadInputError(thing, f"its duration {text!r} is not a length of time", mend)


def _speed(spec: str, text: str | None) -> float:
    speed = 1.0 if text is None else float(text)
    if speed > 0:
        return speed
    raise BadInputError(f"--arrivals {spec}", f"its speed {text}x never gets anywhere", "Give more than 0, e.g. @2x")


def _require_end(thing: str, what: str, until_s: float) -> None:
    if until_s == math.inf:
        raise BadInputError(thing, f"{what} needs an end", "Write how long, e.g. @5m, or give a run time")
