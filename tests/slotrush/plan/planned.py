"""Plans of a synthetic sweep, with no system behind it."""

from dataclasses import replace
from datetime import date
from functools import cache
from pathlib import Path

from slotrush import slo
from slotrush.capacity.plan_document import PlanDocument
from slotrush.capacity.planning import Policy
from slotrush.capacity.prices import EXAMPLE_PRICES, read_prices
from slotrush.capacity.scaling_law import Law
from slotrush.plan.making import Asked, make
from slotrush.plan.measured import Database
from slotrush.sweep.model import Settings, Sweep
from tests.slotrush.sweep.swept import Laboratory, measured

LAW = Law(gamma=34.0, sigma=0.004, kappa=0.0)
DAY = date(2026, 11, 21)
ASKED = Asked(20_000, 20.0, None, Policy(), peak_hours=60.0, database=Database())


@cache
def sweep(replicas: tuple[int, ...] = (1, 2, 3, 4, 6, 8), law: Law = LAW) -> Sweep:
    return measured(Settings(replicas=replicas), Laboratory(seed=2, law=law))


@cache
def document(asked: Asked = ASKED) -> PlanDocument:
    return made(sweep(), asked)


def made(of: Sweep, asked: Asked = ASKED, prices: Path = EXAMPLE_PRICES) -> PlanDocument:
    return make(of, asked, read_prices(prices), slo.load(), DAY)


def for_patients(patients: int, think_time_s: float = 20.0) -> Asked:
    return replace(ASKED, patients=patients, think_time_s=think_time_s)
