"""Memory of components: proportional set sizes, so that what processes share counts once."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from slotrush.accounting.procfs import Identity, Pages, read_pages, read_pss


@dataclass(frozen=True)
class _Reading:
    """`pss` is None where it may not be read. `private`: the private pages at the same moment."""

    at_s: float
    pss: int | None
    private: int


class MemoryMeter:
    """Set sizes are costly: they are read seldom and carried on by the growth of the private pages."""

    def __init__(self) -> None:
        self._readings: dict[Identity, _Reading] = {}

    def measure(self, living: Mapping[Identity, str], now_s: float, age_max_s: float) -> dict[str, int]:
        """Bytes per component; set sizes older than `age_max_s` are read anew.

        Where a set size may not be read, the private pages count, and the shared ones once per component.
        """
        totals: dict[str, int] = defaultdict(int)
        shared: dict[str, int] = defaultdict(int)
        readings = {}
        for identity, component in living.items():
            pages = read_pages(identity[0])
            if pages is None:
                continue
            reading = readings[identity] = self._reading(identity, pages, now_s, age_max_s)
            if reading.pss is None:
                totals[component] += pages.private
                shared[component] = max(shared[component], pages.shared)
            else:
                totals[component] += max(reading.pss + pages.private - reading.private, 0)
        self._readings = readings
        return {component: total + shared[component] for component, total in totals.items()}

    def _reading(self, identity: Identity, pages: Pages, now_s: float, age_max_s: float) -> _Reading:
        known = self._readings.get(identity)
        if known is None or now_s - known.at_s >= age_max_s:
            return _Reading(now_s, read_pss(identity[0]), pages.private)
        return known
