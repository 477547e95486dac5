"""Endpoint classes as PromQL: which of the booking system's own series an objective is about."""

import re
from collections.abc import Iterable
from typing import Final, NamedTuple

from slotrush.slo import ALL_ENDPOINTS, Objectives

REPLICAS: Final = 'job="app"'
"""The job that scrapes the replicas: another system in the same Prometheus may count its requests by the same name."""
PROBES: Final = 'route!~"/livez|/readyz|/metrics"'
"""Asked by machines that look after the system, not by its users."""
_WILD: Final = re.compile(r"[*?\[]")


class Endpoints(NamedTuple):
    """Methods and routes as regular expressions of RE2."""

    method: str
    route: str


class InexpressibleError(ValueError):
    """Of a pattern that does not say which part is the method: labels cannot be matched by it."""


def series(objectives: Objectives, name: str, metric: str, *matchers: str, window: str) -> str:
    """`rate(metric[window])` of every series whose endpoint belongs to the class; the first class that fits counts.

    Raises InexpressibleError for a pattern that is not `METHOD path`.
    """
    if name == ALL_ENDPOINTS:
        return _rate(metric, [PROBES, *matchers], window)
    order = [one.name for one in objectives.classes]
    own = _endpoints(objectives, name)
    wanted = " or ".join(_rate(metric, [*_labels(one), PROBES, *matchers], window) for one in own)
    former = [one for earlier in order[: order.index(name)] for one in _endpoints(objectives, earlier)]
    taken = [one for one in former if any(_may_meet(one, mine) for mine in own)]
    if not taken:
        return wanted
    others = " or ".join(_rate(metric, [*_labels(one), PROBES, *matchers], window) for one in taken)
    return f"({wanted}) unless ({others})"


def regex(pattern: str) -> str:
    """A shell's pattern as RE2 writes it."""
    pieces = re.split(r"(\*|\?|\[!?[^\]]+\])", pattern)
    return "".join(_piece(piece) for piece in pieces)


def _piece(piece: str) -> str:
    if piece in ("*", "?"):
        return {"*": ".*", "?": "."}[piece]
    if len(piece) > 2 and piece.startswith("["):
        return "[^" + piece[2:] if piece.startswith("[!") else piece
    return re.sub(r"([.+()^$|{}\[\]\\])", r"\\\1", piece)


def _endpoints(objectives: Objectives, name: str) -> list[Endpoints]:
    """One for each method."""
    patterns = next(one.patterns for one in objectives.classes if one.name == name)
    routes: dict[str, list[str]] = {}
    for pattern in patterns:
        method, space, route = pattern.partition(" ")
        if not space and pattern != "*":
            raise InexpressibleError(f"the pattern {pattern} is not METHOD, a space and a path")
        routes.setdefault(regex(method), []).append(regex(route) if space else ".*")
    methods: dict[str, list[str]] = {}
    for method, alternatives in routes.items():
        methods.setdefault("|".join(alternatives), []).append(method)
    return [Endpoints("|".join(names), route) for route, names in methods.items()]


def _labels(endpoints: Endpoints) -> Iterable[str]:
    pairs = (("method", endpoints.method), ("route", endpoints.route))
    return [f'{label}=~"{value.replace(chr(92), chr(92) * 2)}"' for label, value in pairs if value != ".*"]


def _may_meet(one: Endpoints, other: Endpoints) -> bool:
    """False when no request can belong to both, as far as their methods say."""
    if any(_WILD.search(it.method) or ".*" in it.method for it in (one, other)):
        return True
    return not set(one.method.split("|")).isdisjoint(other.method.split("|"))


def _rate(metric: str, matchers: Iterable[str], window: str) -> str:
    return f"rate({metric}{{{','.join((REPLICAS, *matchers))}}}[{window}])"
