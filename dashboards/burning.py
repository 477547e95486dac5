"""How fast an error budget may burn, by the multi-window table in burn_windows.yaml."""

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Final

import yaml

UNIT_S: Final = {"m": 60, "h": 3_600, "d": 86_400}


@dataclass(frozen=True)
class BurnWindow:
    """An alert when more than `budget_percent` of the budget would be gone within `long`, and `short` agrees."""

    severity: str
    long: str
    short: str
    budget_percent: float

    def factor(self, period_s: float) -> float:
        """The burn rate at which it alerts: 1 would use the budget up exactly in the objective's period."""
        return self.budget_percent / 100 * period_s / seconds(self.long)


@cache
def burn_windows() -> tuple[BurnWindow, ...]:
    text = files(__package__).joinpath("burn_windows.yaml").read_text(encoding="utf-8")
    return tuple(BurnWindow(**one) for one in yaml.safe_load(text))


def windows() -> list[str]:
    """Every window that is measured, the shortest first."""
    return sorted({window for one in burn_windows() for window in (one.long, one.short)}, key=seconds)


def seconds(duration: str) -> int:
    """Of a duration as Prometheus writes it, of one unit."""
    return int(duration[:-1]) * UNIT_S[duration[-1]]
