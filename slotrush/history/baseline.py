"""Baselines: one small JSON file for each accepted run, committed, so that the history survives the runs."""

import json
import re
import sqlite3
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from slotrush import slo
from slotrush.compare.figure import Figure, Unit
from slotrush.compare.reading import Reading, read
from slotrush.errors import BadInputError
from slotrush.gate.interval import Estimate

SCHEMA_VERSION: Final = 2
FOLDER: Final = Path("results", "baselines")
DIGITS: Final = 6
"""Significant ones of each amount: more than any machine repeats."""


def accept(connection: sqlite3.Connection, folder: Path) -> Path:
    """Write the baseline of the opened run, and return its path.

    Raises BadInputError for a run that should be no measure for others, and for one that is accepted already.
    """
    found = read(connection, slo.load())
    if (problem := _unfit(found)) is not None:
        raise BadInputError(f"run {found.run_id}", problem, "Accept a run that is whole, clean and valid")
    path = folder / f"{_plain(found.started_at)}-{_plain(found.scenario)}.json"
    if path.exists():
        raise BadInputError(f"baseline {path}", "there is one already", "Remove it first, if it should be another")
    folder.mkdir(parents=True, exist_ok=True)
    path.write_text(to_json(found), encoding="utf-8")
    return path


def to_json(found: Reading) -> str:
    figures = [
        asdict(figure) | {"blocks": [float(f"{amount:.{DIGITS}g}") for amount in blocks]}
        for figure, blocks in found.figures.items()
    ]
    own = {name: value for name, value in vars(found).items() if name != "figures"}
    own["failed"] = None if found.failed is None else asdict(found.failed)
    return (
        json.dumps({"schema_version": SCHEMA_VERSION, **own, "figures": figures}, indent=1, ensure_ascii=False) + "\n"
    )


def load(path: Path) -> Reading:
    """The baseline in a file. Raises BadInputError when it is none."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["schema_version"] != SCHEMA_VERSION:
            version = content["schema_version"]
            raise BadInputError(
                f"baseline {path}",
                f"it has schema version {version}, this slotrush reads version {SCHEMA_VERSION}",
                "Accept the run again",
            )
        return _reading(content)
    except OSError as error:
        raise BadInputError(f"baseline {path}", f"it cannot be read ({error.strerror})", "Name a file") from error
    except (ValueError, KeyError, TypeError) as error:
        mend = "Name a file that `slotrush baseline accept` wrote"
        raise BadInputError(f"baseline {path}", f"it is none ({error!r})", mend) from error


def load_all(folder: Path) -> list[Reading]:
    """Every baseline in the folder, in order of the runs' start. Raises BadInputError."""
    return sorted(map(load, folder.glob("*.json")), key=lambda one: one.started_at)


def _reading(content: Mapping[str, Any]) -> Reading:
    figures = {}
    for one in content["figures"]:
        figure = Figure(
            str(one["name"]),
            str(one["title"]),
            Unit(one["unit"]),
            float(one["minimum_effect"]),
            bool(one["is_portable"]),
        )
        figures[figure] = tuple(map(float, one["blocks"]))
    own = {name: content[name] for name in Reading.__dataclass_fields__ if name != "figures"}
    failed = None if content["failed"] is None else Estimate(**content["failed"])
    lists = {name: tuple(content[name]) for name in ("faults", "lacking")}
    return Reading(**own | lists | {"failed": failed}, figures=figures)


def _unfit(found: Reading) -> str | None:
    if found.faults:
        return f"it measured wrongly: {found.faults[0]}"
    if found.lacking:
        return f"it is not whole: {found.lacking[0]}"
    if found.broken:
        return f"its audit found {found.broken:,} promises broken"
    if not found.audited:
        return "it has no audit, so nobody knows whether promises were kept"
    if not found.commit:
        return "it does not know its commit, so no change could be told from another"
    return None


def _plain(text: str) -> str:
    """Of a moment or a scenario's name, what may be in a file's."""
    return re.sub(r"[^A-Za-z0-9]+", "-", re.split(r"[+.]", text, maxsplit=1)[0]).strip("-")
