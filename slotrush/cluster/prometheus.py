"""Prometheus' HTTP API, as far as it is needed here: range queries, and whether a metric is there."""

import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from slotrush.errors import BadInputError
from slotrush.targets import parse_origin

TIMEOUT_S: Final = 30.0
POINTS_MAX: Final = 11_000
"""More points per series in one answer Prometheus refuses."""
_RIGHTS: Final = (401, 403)
Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class Grid:
    """The moments of a range query, in Unix seconds: `first_s`, then every `step_s`, `count` in all."""

    first_s: float
    step_s: float
    count: int

    @property
    def last_s(self) -> float:
        return self.first_s + self.step_s * (self.count - 1)


class Prometheus:
    """One server. Every method raises BadInputError when it cannot be asked."""

    def __init__(self, url: str) -> None:
        parse_origin(url, "--prometheus")
        self._url = url.rstrip("/")

    def range(self, query: str, grid: Grid) -> dict[tuple[tuple[str, str], ...], Numbers]:
        """By the labels of each series, its value at every moment of the grid; NaN where it has none."""
        parameters = {"query": query, "start": grid.first_s, "end": grid.last_s, "step": grid.step_s}
        found: dict[tuple[tuple[str, str], ...], Numbers] = {}
        for series in self._ask("query_range", parameters)["result"]:
            values = np.full(grid.count, np.nan)
            for at_s, value in series["values"]:
                place = round((float(at_s) - grid.first_s) / grid.step_s)
                if 0 <= place < grid.count:
                    values[place] = float(value)
            found[tuple(sorted(series["metric"].items()))] = values
        return found

    def instant(self, query: str, at_s: float) -> list[tuple[Mapping[str, str], float]]:
        """The labels and value of each series at one moment."""
        answer = self._ask("query", {"query": query, "time": at_s})
        return [(series["metric"], float(series["value"][1])) for series in answer["result"]]

    def values(self, label: str, matcher: str, window: tuple[float, float] | None = None) -> list[str]:
        """The values of a label among the series that fit, at any time or within the window."""
        parameters: dict[str, object] = {"match[]": matcher}
        if window is not None:
            parameters |= {"start": window[0], "end": window[1]}
        found: list[str] = self._ask(f"label/{label}/values", parameters)
        return found

    def _ask(self, path: str, parameters: Mapping[str, object]) -> Any:
        url = f"{self._url}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
        try:
            with urllib.request.urlopen(url, timeout=TIMEOUT_S) as answer:
                content = json.load(answer)
            if not isinstance(content, dict) or content.get("status") != "success":
                raise ValueError("it answered something else than Prometheus does")
            return content["data"]
        except urllib.error.HTTPError as error:
            raise self._refused(error) from error
        except (OSError, ValueError, KeyError) as error:
            raise BadInputError(
                f"--prometheus {self._url}",
                f"it cannot be asked ({error})",
                "Name the address of a Prometheus that runs, for example after: "
                "kubectl -n monitoring port-forward service/prometheus-operated 9090",
            ) from error

    def _refused(self, error: urllib.error.HTTPError) -> BadInputError:
        thing = f"--prometheus {self._url}"
        if error.code in _RIGHTS:
            return BadInputError(
                thing, f"it refuses us ({error.code})", "Ask past its gateway, by kubectl port-forward"
            )
        try:
            why = json.loads(error.read())["error"]
        except (ValueError, KeyError, TypeError, OSError):
            return BadInputError(thing, f"it answers {error.code}", "Name a Prometheus, without any path of its pages")
        return BadInputError(thing, f"it refuses the question ({why})", "Update it: 2.42 is known to work")
