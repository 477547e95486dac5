"""The objectives' file: what ours says, and that a mistake is named with its line, its value and the mend."""

import re
from pathlib import Path

import jsonschema
import pytest
import yaml

from slotrush import slo
from slotrush.errors import BadInputError
from slotrush.slo import Availability, Condition, Fact, Figure, Latency, Limit, Objective, TimedFrom
from slotrush.slo.schema import SCHEMA

OURS = slo.load().path.read_text()
ELSEWHERE = {
    "endpoints all are not those of good, reads. Let both": ["spec: {endpoints: all}"],
    "timedFrom has no fasterThanMs. Add fasterThanMs": ["spec: {endpoints: bookings, answer: asPromised, timedFrom"],
    "the key spec.atMost is missing. Add it: a number more than 0": ["spec:"],
    "this is no YAML": ["---"],
}
"""The lines that these complaints name: not what was changed, but what it is in conflict with."""


@pytest.fixture
def ours() -> dict[str, Objective]:
    return {one.name: one for one in slo.load().of("mix")}


def test_availability_is_three_nines_over_thirty_days(ours: dict[str, Objective]) -> None:
    one = ours["availability"]

    assert isinstance(one, Availability)
    assert (one.endpoints, one.target, one.window_s) == ("all", 0.999, 30 * 86_400)


@pytest.mark.parametrize(
    ("name", "endpoints", "threshold_ms"), [("bookings", "bookings", 500), ("reads", "reads", 300)]
)
def test_latency_counts_from_the_intended_start(
    ours: dict[str, Objective], name: str, endpoints: str, threshold_ms: float
) -> None:
    one = ours[f"{name}-latency"]

    assert isinstance(one, Latency)
    assert (one.endpoints, one.target, one.threshold_ms) == (endpoints, 0.99, threshold_ms)
    assert one.timed_from is TimedFrom.INTENDED_START


def test_the_audit_the_generator_and_the_costs_are_objectives(ours: dict[str, Objective]) -> None:
    assert {one.fact for one in ours.values() if isinstance(one, Condition)} == set(Fact)
    assert {one.figure for one in ours.values() if isinstance(one, Limit)} == set(Figure)


@pytest.mark.parametrize("scenario", ["race", "hot_doctor"])
def test_a_rush_has_other_thresholds_and_the_rest_as_it_is(ours: dict[str, Objective], scenario: str) -> None:
    race = {one.name: one for one in slo.load().of(scenario)}

    changed = {name for name in ours if ours[name] != race[name]}
    assert changed == {"bookings-latency", "reads-latency"}
    assert {one.threshold_ms for one in race.values() if isinstance(one, Latency)} == {10_000}


@pytest.mark.parametrize(
    ("endpoint", "name"),
    [
        ("GET /v1/doctors/{id}/agenda", "reads"),
        ("POST /v1/appointments", "bookings"),
        ("POST /v1/appointments/{id}/reschedule", "bookings"),
        ("POST /v1/appointments/{id}/cancel", "other-writes"),
        ("POST /v1/sessions", "other-writes"),
    ],
)
def test_an_endpoint_belongs_to_the_first_class_that_fits(endpoint: str, name: str) -> None:
    objectives = slo.load()

    assert objectives.class_of(endpoint) == name
    assert objectives.covers(name, endpoint)
    assert objectives.covers("all", endpoint)
    assert not objectives.covers("reads" if name != "reads" else "bookings", endpoint)


def test_the_whole_file_is_valid_by_the_schema_that_editors_use() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    validator = jsonschema.Draft202012Validator(SCHEMA)
    for document in yaml.safe_load_all(OURS):
        validator.validate(document)


def test_every_objective_knows_its_line() -> None:
    lines = OURS.splitlines()
    for one in slo.load().every:
        assert one.position is not None
        assert lines[one.position.line - 1] == f"  name: {one.name}"


def refused(tmp_path: Path, text: str) -> str:
    path = tmp_path / "slo.yaml"
    path.write_text(text)
    with pytest.raises(BadInputError) as caught:
        slo.load(path)
    return str(caught.value)


@pytest.mark.parametrize(
    ("was", "becomes", "words"),
    [
        (
            "target: 0.999",
            "target: 99.9",
            "spec.objectives.0.target 99.9 cannot be used. It must be a number from 0 to 1",
        ),
        ("target: 0.999", "target: high", "spec.objectives.0.target 'high' cannot be used"),
        ("target: 0.999", "target: .nan", "spec.objectives.0.target nan cannot be used"),
        ("atMost: 2000", "atMost: .inf", "spec.atMost inf cannot be used. It must be a number more than 0"),
        ("atMost: 2000", "atMost: true", "spec.atMost True cannot be used"),
        ("target: 0.999", "targets: 0.999", "spec.objectives.0.targets is not supported. Did you mean target?"),
        (
            "      isRolling: true",
            "      isRolling: false",
            "isRolling False cannot be used. It must be true: calendar",
        ),
        ("budgetingMethod: Occurrences", "budgetingMethod: Timeslices", "'Timeslices' cannot be used. It must be Occ"),
        ("duration: 30d", "duration: 30 days", "duration '30 days' cannot be used. It must be a duration in minutes"),
        ("duration: 30d", "duration: 1M", "duration '1M' cannot be used"),
        ("type: slotrush", "type: Prometheus", "metricSource.type 'Prometheus' cannot be used. It must be slotrush"),
        ("endpoints: all, answer", "endpoints: al, answer", "endpoints al is no endpoint class. Did you mean all?"),
        ("endpoints: all, answer", "endpoints: reads, answer", "endpoints all are not those of good, reads. Let both"),
        ("fasterThanMs: 500", "fasterThanMs: 0", "fasterThanMs 0 cannot be used. It must be milliseconds, more than 0"),
        ("fasterThanMs: 500, ", "", "timedFrom has no fasterThanMs. Add fasterThanMs"),
        ("timedFrom: intendedStart", "timedFrom: start", "timedFrom 'start' is not known. Use one of: intendedStart"),
        ("kind: Limit", "kind: Limits", "kind Limits is not supported. Use one of: Condition"),
        ("apiVersion: openslo/v1", "apiVersion: openslo/v1alpha", "apiVersion openslo/v1alpha is not supported"),
        ("apiVersion: openslo/v1", "apiVersion: slotrush/v1", "apiVersion slotrush/v1 has no kind SLO. Use openslo/v1"),
        ("figure: cpuUsPerRequest", "figure: cpuUsPerRequests", "is not known. Did you mean cpuUsPerRequest?"),
        ("components: [app]", "components: [ap]", "components.0 'ap' is not known. Did you mean app?"),
        ("atMost: 2000", "atMost: -5", "spec.atMost -5 cannot be used. It must be a number more than 0"),
        ("  atMost: 2000\n", "", "the key spec.atMost is missing. Add it: a number more than 0"),
        ("name: audit-clean", "name: audit-clear", "'audit-clear' is not known. Did you mean audit-clean?"),
        (
            "name: availability",
            "name: Availability",
            "metadata.name 'Availability' cannot be used. It must be a name of",
        ),
        ("name: reads-latency", "name: bookings-latency", "the name bookings-latency is taken, in line"),
        ("name: bookings\n", "name: all\n", "the name all is taken: it is every endpoint"),
        (
            "    bookings-latency: {f",
            "    booking-latency: {f",
            "no objective booking-latency. Did you mean bookings-l",
        ),
        ("    bookings-latency: {fast", "    app-cpu: {fast", "the objective app-cpu has no fasterThanMs. Remove"),
        ("service: booking", "service: booking\n  service: booking", "the key service is there twice. Remove one"),
        ("patterns: [", "patterns: [[", "this is no YAML"),
    ],
    ids=lambda value: value.strip().replace(" ", "_")[:30],
)
def test_a_mistake_is_named_with_its_line_and_the_mend(tmp_path: Path, was: str, becomes: str, words: str) -> None:
    assert was in OURS
    spoilt = OURS.replace(was, becomes, 1)

    message = refused(tmp_path, spoilt)

    assert words in message
    (line,) = re.findall(r"slo\.yaml:(\d+): ", message)
    assert ELSEWHERE.get(words, becomes.strip().splitlines()[-1:] or [""])[0] in spoilt.splitlines()[int(line) - 1]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "there is none in it. Write at least one SLO"),
        ("---\n---\n", "there is none in it"),
        ("- 1\n", "slo.yaml:1: [1] is no mapping. Begin with apiVersion and kind"),
        ("kind: SLO\n", "slo.yaml:1: the key apiVersion is missing"),
        ("\n\napiVersion: openslo/v1\n", "slo.yaml:3: the key kind is missing. Use one of: Condition"),
        ("a: !!python/object:os.system {}\n", "slo.yaml:1: this is no YAML: could not determine a constructor"),
        ("a: &a\n  b: *a\n", "slo.yaml:1: this holds itself, by an alias. Write it out"),
        ("? [a]\n: b\n", "slo.yaml:1: this is no YAML: found unhashable key"),
        ("? 1\n: b\n", "slo.yaml:1: the key kind is missing"),
    ],
    ids=["empty", "empty documents", "a list", "no version", "no kind", "code", "itself", "a list as key", "a number"],
)
def test_what_are_no_objectives_is_refused(tmp_path: Path, text: str, words: str) -> None:
    assert words in refused(tmp_path, text)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match=r"nowhere\.yaml: the file cannot be read"):
        slo.load(tmp_path / "nowhere.yaml")


def test_both_ways_to_write_a_target_are_one_and_only_one_may_be_used(tmp_path: Path) -> None:
    path = tmp_path / "slo.yaml"
    path.write_text(OURS.replace("target: 0.999", "targetPercent: 99.9"))

    assert slo.load(path).of("mix") != ()
    (target,) = [one.target for one in slo.load(path).every if isinstance(one, Availability)]
    assert target == pytest.approx(0.999, abs=1e-12)
    both = OURS.replace("target: 0.999", "target: 0.999\n      targetPercent: 99.9")
    assert "it must have target or targetPercent, one of them" in refused(tmp_path, both)


def test_a_scenario_may_change_a_target_and_spare_an_objective(tmp_path: Path) -> None:
    path = tmp_path / "slo.yaml"
    path.write_text(OURS.replace("{fasterThanMs: 10000}", "{target: 0.95, skip: too early}", 1))

    (one,) = [one for one in slo.load(path).of("race") if one.name == "bookings-latency"]

    assert isinstance(one, Latency)
    assert (one.target, one.skip, one.threshold_ms) == (0.95, "too early", 500)


def test_the_response_times_that_a_scenario_is_held_to_are_those_it_is_not_spared(tmp_path: Path) -> None:
    path = tmp_path / "slo.yaml"
    path.write_text(OURS.replace("{fasterThanMs: 10000}", "{skip: too early}", 1))
    objectives = slo.load(path)

    assert [(one.name, one.threshold_ms) for one in objectives.latencies("race")] == [("reads-latency", 10_000)]
    assert [(one.name, one.threshold_ms) for one in objectives.latencies("mix")] == [
        ("bookings-latency", 500),
        ("reads-latency", 300),
    ]
