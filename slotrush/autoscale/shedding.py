"""When a simulated replica turns requests away, as target_app/shedding.py has real ones do it."""

from typing import Final

CALM_S: Final = 10.0
"""Overload is over when nobody had to be refused for so long."""


class Shedder:
    """One replica's. A request is late when it has waited too long; `after_s` of nothing but late ones is overload."""

    __slots__ = ("_after_s", "_late_since_s", "_refused_s")

    def __init__(self, after_s: float) -> None:
        self._after_s = after_s
        self._late_since_s: float | None = None
        self._refused_s: float | None = None
        """When it last refused somebody, while there is overload."""

    def refuses(self, late: bool, now_s: float) -> bool:
        """Whether it refuses a request whose turn it is now. Times never go back."""
        if self._refused_s is not None:
            if not late:
                return False
            if now_s - self._refused_s < CALM_S:
                self._refused_s = now_s
                return True
            self._refused_s = self._late_since_s = None
        if not late:
            self._late_since_s = None
        elif self._late_since_s is None:
            self._late_since_s = now_s
        elif now_s - self._late_since_s >= self._after_s:
            self._refused_s = now_s
            return True
        return False
