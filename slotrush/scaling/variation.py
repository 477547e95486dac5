"""How single requests vary around what they take on average, measured where next to none of them waits.

No record has the CPU time of a single request, but the service time of each, which is little else as long as a replica
has hardly anything to do. So they are those of the quietest seconds of the runs. Even there some requests waited, for
another one or because a quota was used up, and those are the slowest: what is slower than nine of ten counts as much as
the tenth.
"""

from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Final

import numpy as np

from slotrush.runs import record
from slotrush.runs.distribution import Distribution
from slotrush.slo import ALL_ENDPOINTS, Objectives

Variation = tuple[float, ...]
"""Times over their mean, each as likely as any other: so their own mean is 1."""

QUIET: Final = 0.1
"""Share of the seconds that are the quietest."""
PROMPT: Final = 0.9
"""Share of their requests that surely did not wait."""
REQUESTS_MIN: Final = 100
"""Fewer are no distribution."""
VALUES: Final = 50


def measured(loads: Mapping[Path, Mapping[float, float]], objectives: Objectives) -> dict[str, Variation]:
    """By class of endpoints, for those that were asked for often enough, and of all together.

    `loads`: by the folder of a run and the Unix second, how many requests there were for each replica.
    """
    every = [load for run in loads.values() for load in run.values()]
    quiet = float(np.quantile(every, QUIET)) if every else 0.0
    times: dict[str, list[bytes]] = {}
    for folder, run in loads.items():
        chosen = {int(second) for second, load in run.items() if load <= quiet}
        for name, histograms in _service_times(folder, chosen, objectives).items():
            times.setdefault(name, []).extend(histograms)
            times.setdefault(ALL_ENDPOINTS, []).extend(histograms)
    found = {name: Distribution(histograms) for name, histograms in times.items()}
    return {name: _around_mean(one) for name, one in found.items() if one.count >= REQUESTS_MIN}


def _service_times(folder: Path, seconds: set[int], objectives: Objectives) -> dict[str, list[bytes]]:
    if not seconds:
        return {}
    found: dict[str, list[bytes]] = {}
    with closing(record.open_finished(folder)) as connection:
        rows = connection.execute(
            "SELECT endpoint, second, service_hdr FROM latency WHERE second BETWEEN ? AND ?",
            (min(seconds), max(seconds)),
        )
        for endpoint, second, histogram in rows:
            if second in seconds and (name := objectives.class_of(endpoint)) is not None:
                found.setdefault(name, []).append(histogram)
    return found


def _around_mean(times: Distribution) -> Variation:
    middles = (np.arange(VALUES) + 0.5) / VALUES
    values = times.quantiles_s(np.minimum(middles, PROMPT))
    return tuple((values / values.mean()).tolist())
