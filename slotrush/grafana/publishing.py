"""What a Grafana has, against what it should have: the changes, and doing them. The second time there are none."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import unified_diff
from functools import partial
from typing import Any, Final

from slotrush.grafana.marks import Mark
from slotrush.grafana.server import Grafana

FOLDER_UID: Final = "slotrush"
OWN_TO_GRAFANA: Final = ("id", "version")
"""Fields of a stored dashboard that Grafana sets."""
Json = dict[str, Any]


@dataclass(frozen=True)
class Change:
    """`what` to do, in words; `diff` in lines as `diff -u` writes them, of a dashboard that is there."""

    what: str
    diff: tuple[str, ...]
    do: Callable[[], None]


def plan(
    grafana: Grafana, dashboards: Mapping[str, str], folder: str, source: Json, marks: Sequence[Mark] = ()
) -> list[Change]:
    """Every change that is needed, in the order in which they can be made; nothing is changed yet.

    `dashboards` are JSON texts by name, `folder` is the title of one for them, `source` what they show by default.
    """
    changes = list(_folder(grafana, folder))
    for name, text in dashboards.items():
        changes += _dashboard(grafana, name, with_source(json.loads(text), source))
    return [*changes, *_marks(grafana, marks)]


def apply(changes: Iterable[Change], say: Callable[[str], None]) -> None:
    for change in changes:
        change.do()
        say(change.what)


def with_source(dashboard: Json, source: Json) -> Json:
    """The dashboard with that data source chosen, until somebody chooses another."""
    chosen = {"text": source["name"], "value": source["uid"], "selected": True}
    variables = [
        {**one, "current": chosen} if one["type"] == "datasource" else one for one in dashboard["templating"]["list"]
    ]
    return {**dashboard, "templating": {"list": variables}}


def _folder(grafana: Grafana, title: str) -> Iterator[Change]:
    if grafana.folder(FOLDER_UID) is None:
        yield Change(f"make the folder {title}", (), lambda: grafana.create_folder(FOLDER_UID, title))


def _dashboard(grafana: Grafana, name: str, wanted: Json) -> Iterator[Change]:
    stored = grafana.dashboard(wanted["uid"])
    there = None if stored is None else _comparable(stored["dashboard"])
    moved = stored is not None and stored["meta"].get("folderUid") != FOLDER_UID
    if there == wanted and not moved:
        return
    verb = "add" if stored is None else "move" if there == wanted else "change"
    yield Change(
        f"{verb} the dashboard {name}",
        () if there is None else tuple(unified_diff(_lines(there), _lines(wanted), "there", "generated", lineterm="")),
        lambda: grafana.put_dashboard(wanted, FOLDER_UID, "slotrush dashboards push"),
    )


def _comparable(stored: Json) -> Json:
    return {key: value for key, value in stored.items() if key not in OWN_TO_GRAFANA}


def _lines(dashboard: Json) -> list[str]:
    return json.dumps(dashboard, indent=2, sort_keys=True, ensure_ascii=False).splitlines()


def _marks(grafana: Grafana, marks: Sequence[Mark]) -> Iterator[Change]:
    if not marks:
        return
    there = grafana.marks(marks[0].tags[:2])
    for mark in marks:
        if (mark.at_ms, mark.text) not in there:
            yield Change(f"mark {mark.text}", (), partial(grafana.add_mark, mark))
