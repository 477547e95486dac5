"""The same verdict as a table, as JUnit that others' parsers accept, as JSON, as Markdown and as GitHub annotations."""

import io
import json
import re
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import junitparser
import pytest
from rich.console import Console

from slotrush import gate, slo
from slotrush.gate import Outcome, Verdict, annotations, data, junit, markdown, table, words
from slotrush.gate.interval import Estimate
from slotrush.runs import record
from slotrush.slo import Position
from tests.slotrush.gate.written import BOOK, PUBLISH, Second, write_run


@pytest.fixture(scope="module")
def verdict(tmp_path_factory: pytest.TempPathFactory) -> Verdict:
    """Some of each: bookings are slow, nobody reads, 99.9 % is not to be seen in so few requests, the rest passes."""
    run_dir = write_run(
        tmp_path_factory.mktemp("run"),
        lambda endpoint, _: Second(slow=4 if endpoint == BOOK else 0),
        endpoints=(BOOK, PUBLISH),
    )
    with closing(record.open_record(run_dir)) as connection:
        return gate.judge(connection, slo.load())


def cases(content: bytes) -> Iterator[junitparser.TestCase]:
    for suite in junitparser.JUnitXml.fromstring(content):
        yield from suite


def test_junit_is_accepted_by_a_parser_of_others(verdict: Verdict, tmp_path: Path) -> None:
    path = tmp_path / "gate.xml"
    path.write_bytes(junit.render(verdict))

    suites = junitparser.JUnitXml.fromfile(str(path))

    (suite,) = suites
    assert (suite.tests, suite.failures, suite.errors, suite.skipped) == (8, 1, 2, 1)
    kinds = {case.name: [type(result) for result in case.result] for case in suite}
    assert kinds["audit-clean"] == []
    assert kinds["bookings-latency"] == [junitparser.Failure]
    assert kinds["reads-latency"] == [junitparser.Error]
    assert kinds["statements"] == [junitparser.Skipped]
    assert {case.classname for case in suite} == {"slotrush.mix"}


def test_junit_says_the_figure_the_interval_and_what_was_wanted(verdict: Verdict) -> None:
    (failed,) = [case for case in cases(junit.render(verdict)) if case.name == "bookings-latency"]

    (failure,) = failed.result
    assert re.match(
        r"90\.000 %, 95 % interval 8\d\.\d{3} % to 9\d\.\d{3} %, wanted at least 99 % under 500 ms, 3,760 requests",
        failure.message,
    )


def test_junit_survives_what_xml_cannot_hold(verdict: Verdict) -> None:
    first, *others = verdict.results
    spoilt = replace(verdict, results=(replace(first, reason="\x00\x1b[31m <&\"' \ud800"), *others))

    (case, *_) = cases(junit.render(spoilt))

    assert "<&\"'" in case.system_out


def test_an_invalid_generator_is_an_error_in_junit_and_no_failure_of_the_target(verdict: Verdict) -> None:
    condition = verdict.results[1]
    invalid = replace(verdict, results=(replace(condition, outcome=Outcome.FAIL, reason="it was late"),))

    (case,) = cases(junit.render(invalid))

    assert [type(result) for result in case.result] == [junitparser.Error]


def test_json_has_every_figure_with_its_interval_and_its_place(verdict: Verdict) -> None:
    read = json.loads(data.render(verdict))

    assert (read["outcome"], read["exit_code"], read["scenario"]) == ("fail", 1, "mix")
    assert read["window"]["last_s"] - read["window"]["first_s"] + 1 == 47
    by_name = {one["name"]: one for one in read["objectives"]}
    bookings = by_name["bookings-latency"]
    assert bookings["low"] < bookings["figure"] < bookings["high"] < bookings["at_least"] == 0.99
    assert (bookings["threshold_ms"], bookings["timed_from"], bookings["requests"]) == (500, "intendedStart", 3_760)
    assert by_name["app-cpu"]["at_most"] == 2_000
    assert by_name["reads-latency"]["figure"] is None
    line = Path(bookings["file"]).read_text().splitlines()[bookings["line"] - 1]
    assert line == "  name: bookings-latency"


def test_markdown_is_a_table_and_the_reasons(verdict: Verdict) -> None:
    lines = markdown.render(verdict).splitlines()

    assert lines[0] == "## ❌ Failed: an objective is missed"
    rows = [line for line in lines if line.startswith("|")]
    assert len(rows) == 2 + len(verdict.results)
    assert {row.count("|") for row in rows} == {7}
    assert any(row.startswith("| ❌ Failed | Bookings in time | 90.000 % |") for row in rows)
    assert "- **Reads in time**: no traffic: no request to reads was answered in the window" in lines


def test_nothing_in_a_title_breaks_the_markdown(verdict: Verdict) -> None:
    first, *_ = verdict.results
    nasty = replace(first, objective=replace(first.objective, title="a | b\n# <script> *c*"), reason="")

    (row,) = [line for line in markdown.render(replace(verdict, results=(nasty,))).splitlines() if "script" in line]

    assert r"a \| b # \<script> \*c\*" in row


def test_annotations_point_at_the_objective(verdict: Verdict, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(Path(__file__).parents[3])

    lines = list(annotations.render(verdict))

    errors = [line for line in lines if line.startswith("::error title=Bookings in time,file=slotrush/slo/slo.yaml,")]
    warnings = [line for line in lines if line.startswith("::warning title=Reads in time,")]
    assert (len(errors), len(warnings), len(lines)) == (1, 1, 4)
    assert lines[-1].startswith("::error title=slotrush gate::Failed")


def test_annotations_escape_what_github_would_read(verdict: Verdict) -> None:
    failed = next(result for result in verdict.results if result.outcome is Outcome.FAIL)
    place = Position(Path("a,b:c.yaml"), 7)
    nasty = replace(failed, objective=replace(failed.objective, title="a::b,c\n", position=place), reason="x\ny")

    line, _ = annotations.render(replace(verdict, results=(nasty,)))

    assert line.startswith("::error title=a%3A%3Ab%2Cc%0A,file=")
    assert "a%2Cb%3Ac.yaml,line=7::90.000 %25, 95 %25 interval" in line
    assert line.endswith("x%0Ay")


@pytest.mark.parametrize(
    ("name", "low", "high", "shown"),
    [
        ("availability", 0.9989999, 0.9990001, "99.899 % to 99.901 %"),
        ("app-cpu", 199.9, 200.1, "199 µs to 201 µs"),
        ("statements", 1.999, 2.001, "1.99 to 2.01"),
        ("replica-memory", 268435456, 268435456, ""),
    ],
)
def test_an_interval_is_rounded_outwards(verdict: Verdict, name: str, low: float, high: float, shown: str) -> None:
    result = next(result for result in verdict.results if result.objective.name == name)
    estimate = Estimate(figure=(low + high) / 2, low=low, high=high, requests=1, blocks=5)

    assert words.between(replace(result, estimate=estimate)) == shown


def test_the_table_has_a_row_for_each_objective_and_a_line_for_each_reason(verdict: Verdict) -> None:
    screen = Console(file=io.StringIO(), width=160)
    for renderable in table.render(verdict):
        screen.print(renderable)
    assert isinstance(screen.file, io.StringIO)

    told = screen.file.getvalue()

    assert told.startswith(
        "Failed: an objective is missed\nmix, run 20261119-142640-7f3a, judged 47 s: of 60 s of load"
    )
    assert re.search(r"Failed +bookings-latency +90\.000 % +8\S+ % to 9\S+ % +at least 99 % under 500 ms +3,760", told)
    assert "reads-latency: no traffic" in told
