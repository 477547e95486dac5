"""From the documents of a file to objectives: by the schema first, then what a schema cannot say."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final, NoReturn

from slotrush.errors import BadInputError
from slotrush.slo import document
from slotrush.slo.document import Document, KeyPath
from slotrush.slo.model import (
    ALL_ENDPOINTS,
    Availability,
    Condition,
    EndpointClass,
    Fact,
    Figure,
    Latency,
    Limit,
    Objective,
    Objectives,
    Position,
    TimedFrom,
)
from slotrush.slo.schema import complaints, suggestion

UNIT_S: Final = {"m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
FIELDS: Final = {"target": "target", "fasterThanMs": "threshold_ms", "atMost": "at_most", "skip": "skip"}
"""The keys of an override, and the fields of an objective that they replace."""
APP_ONLY: Final = ("app",)
METRIC: Final[KeyPath] = ("spec", "indicator", "spec", "ratioMetric")


def read(path: Path) -> Objectives:
    """Raises BadInputError, which names file and line, the key, its value and the mend."""
    documents = document.read(path)
    for one in documents:
        _check(one)
    _refuse_doubles(documents)
    classes = tuple(_endpoint_class(one) for one in _of_kind(documents, "EndpointClass"))
    known = [ALL_ENDPOINTS, *(one.name for one in classes)]
    makers: dict[str, Callable[[Document], Objective]] = {
        "SLO": lambda one: _slo(one, known),
        "Condition": _condition,
        "Limit": _limit,
    }
    objectives = tuple(makers[one.content["kind"]](one) for one in documents if one.content["kind"] in makers)
    if not objectives:
        raise BadInputError(f"objectives {path}", "there is none in it", "Write at least one SLO, Condition or Limit")
    scenarios = {
        one.content["metadata"]["name"]: _overrides(one, objectives) for one in _of_kind(documents, "Scenario")
    }
    return Objectives(path, classes, objectives, scenarios)


def _check(one: Document) -> None:
    if not isinstance(one.content, dict):
        _refuse(one.at(), f"{one.content!r} is no mapping", "Begin with apiVersion and kind")
    found = sorted(complaints(one.content), key=lambda complaint: one.at(*complaint.keys).line)
    if found:
        _refuse(one.at(*found[0].keys), found[0].problem, found[0].mend)


def _refuse_doubles(documents: Iterable[Document]) -> None:
    """Objectives share one space of names, which a verdict uses; so do classes, and scenarios."""
    seen: dict[tuple[str, str], Position] = {}
    for one in documents:
        kind, name = one.content["kind"], one.content["metadata"]["name"]
        space = kind if kind in ("EndpointClass", "Scenario") else "objective"
        here = one.at("metadata", "name")
        if space == "EndpointClass" and name == ALL_ENDPOINTS:
            _refuse(here, f"the name {name} is taken: it is every endpoint", "Give the class another name")
        if (space, name) in seen:
            _refuse(here, f"the name {name} is taken, in line {seen[space, name].line}", "Give one another name")
        seen[space, name] = here


def _endpoint_class(one: Document) -> EndpointClass:
    name, title = _names(one)
    return EndpointClass(name, title, tuple(one.content["spec"]["patterns"]))


def _condition(one: Document) -> Condition:
    name, title = _names(one)
    return Condition(name=name, title=title, position=one.at("metadata", "name"), fact=Fact(name))


def _limit(one: Document) -> Limit:
    name, title = _names(one)
    spec, figure = one.content["spec"], Figure(one.content["spec"]["figure"])
    if figure is Figure.STATEMENTS and "components" in spec:
        _refuse(one.at("spec", "components"), "statements have no components", "Remove the key")
    if figure is Figure.MEMORY and tuple(spec.get("components", APP_ONLY)) != APP_ONLY:
        _refuse(one.at("spec", "components"), "only app has replicas", "Use components: [app]")
    if figure is Figure.CPU and "components" not in spec:
        _refuse(one.at("spec"), "the key components is missing", "Name whose CPU counts, such as components: [app]")
    return Limit(
        name=name,
        title=title,
        position=one.at("metadata", "name"),
        figure=figure,
        components=tuple(spec.get("components", APP_ONLY)),
        at_most=spec["atMost"],
        required=spec.get("required", True),
    )


def _slo(one: Document, classes: list[str]) -> Availability | Latency:
    name, title = _names(one)
    spec = one.content["spec"]
    ratio = spec["indicator"]["spec"]["ratioMetric"]
    sources = {part: ratio[part]["metricSource"]["spec"] for part in ("good", "total")}
    for part, source in sources.items():
        if source["endpoints"] not in classes:
            _refuse(
                one.at(*METRIC, part, "metricSource", "spec", "endpoints"),
                f"endpoints {source['endpoints']} is no endpoint class",
                suggestion(source["endpoints"], classes),
            )
    good, total = sources["good"], sources["total"]
    if good["endpoints"] != total["endpoints"]:
        _refuse(
            one.at(*METRIC, "total", "metricSource", "spec", "endpoints"),
            f"endpoints {total['endpoints']} are not those of good, {good['endpoints']}",
            "Let both name the same class",
        )
    common: dict[str, Any] = {
        "name": name,
        "title": title,
        "position": one.at("metadata", "name"),
        "endpoints": good["endpoints"],
        "target": _target(one),
        "window_s": _seconds(spec["timeWindow"][0]["duration"]),
    }
    if "fasterThanMs" in good:
        timed_from = TimedFrom(good.get("timedFrom", TimedFrom.INTENDED_START))
        return Latency(**common, threshold_ms=good["fasterThanMs"], timed_from=timed_from)
    if "timedFrom" in good:
        _refuse(one.at(*METRIC, "good", "metricSource", "spec"), "timedFrom has no fasterThanMs", "Add fasterThanMs")
    return Availability(**common)


def _target(one: Document) -> float:
    objective = one.content["spec"]["objectives"][0]
    if ("target" in objective) == ("targetPercent" in objective):
        _refuse(one.at("spec", "objectives", 0), "it must have target or targetPercent, one of them", "Give one")
    return float(objective["target"] if "target" in objective else objective["targetPercent"] / 100)


def _seconds(duration: str) -> int:
    return int(duration[:-1]) * UNIT_S[duration[-1]]


def _overrides(one: Document, objectives: Iterable[Objective]) -> dict[str, dict[str, Any]]:
    by_name = {objective.name: objective for objective in objectives}
    overrides = {}
    for name, changes in one.content["spec"]["objectives"].items():
        here = ("spec", "objectives", name)
        if name not in by_name:
            _refuse(one.at(*here), f"there is no objective {name}", suggestion(name, list(by_name)))
        for key in changes:
            if not hasattr(by_name[name], FIELDS[key]):
                _refuse(one.at(*here, key), f"the objective {name} has no {key}", "Remove the key")
        overrides[name] = {FIELDS[key]: value for key, value in changes.items()}
    return overrides


def _names(one: Document) -> tuple[str, str]:
    metadata = one.content["metadata"]
    return metadata["name"], metadata.get("displayName", metadata["name"])


def _of_kind(documents: Iterable[Document], kind: str) -> list[Document]:
    return [one for one in documents if one.content["kind"] == kind]


def _refuse(position: Position, problem: str, mend: str) -> NoReturn:
    raise BadInputError(str(position), problem, mend)
