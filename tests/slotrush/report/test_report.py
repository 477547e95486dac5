import json
import re
import subprocess
import sys
from collections import Counter
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

import pytest

from slotrush import report, run
from slotrush.errors import BadInputError
from slotrush.report import elsewhere
from slotrush.report.content import FINDINGS_SHOWN, trace_queries
from slotrush.report.files import Format
from slotrush.report.words import Words
from slotrush.runs import record
from slotrush.summary import Summary, summarise
from tests.slotrush.report import synthetic
from tests.slotrush.report.drawing import charts_not_drawn
from tests.slotrush.report.reading import cells, figure, read_page, text

NOTHING = re.compile(r"\bNone\b(?! of)|\bnan\b|\binf\b")
"""What a page must not say: a value that is not there. ("None of 5 requests failed" may.)"""


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    run_dir = synthetic.write_run(tmp_path_factory.mktemp("results") / "run")
    report.write(run_dir)
    return run_dir


@pytest.fixture(scope="module")
def summary(run_dir: Path) -> Summary:
    with closing(record.open_record(run_dir)) as connection:
        return summarise(connection)


@pytest.fixture(scope="module", params=["en", "pt-BR"])
def words(request: pytest.FixtureRequest) -> Words:
    return Words(request.param)


@pytest.fixture(scope="module")
def page(run_dir: Path, words: Words) -> Element:
    return read_page(run_dir / report.FILE_NAMES[words.language])


def english(run_dir: Path) -> Element:
    """The English page alone, without charts."""
    with charts_not_drawn():
        (path,) = elsewhere.write(run_dir, {"en": run_dir / "english.html"}, Format.HTML)
    return read_page(path)


def plain(value: str) -> str:
    return " ".join(value.split())


def test_there_is_one_page_for_each_language(run_dir: Path) -> None:
    assert {path.name for path in run_dir.glob("report*")} == {"report.html", "report.pt-BR.html"}


def test_each_page_names_its_language_and_leads_to_the_other(page: Element, words: Words) -> None:
    link = page.find(".//a[@hreflang]")

    assert page.get("lang") == words.language
    assert link is not None
    assert link.get("href") == report.FILE_NAMES[link.get("hreflang", "")]


def test_a_page_needs_nothing_from_elsewhere(run_dir: Path, words: Words) -> None:
    html = (run_dir / report.FILE_NAMES[words.language]).read_text(encoding="utf-8")

    assert not re.findall(r"<script|<link|<img|@import|src=", html)
    assert set(re.findall(r"url\((.)", html)) <= {"#"}
    assert not re.findall(r"<text\b", html)  # letters are paths


def test_no_id_is_used_twice(page: Element) -> None:
    counted = Counter(element.get("id") for element in page.iter() if element.get("id"))

    assert [name for name, count in counted.items() if count > 1] == []


def test_the_verdict_comes_first(page: Element, words: Words) -> None:
    sections = [section.get("id") for section in page.findall(".//section")]
    verdict = page.find(".//section[@id='verdict']")

    assert sections == [
        "verdict",
        "headline",
        "audit",
        "timeline",
        "latency",
        "costs",
        "generator",
        "machine",
        "trace",
    ]
    assert verdict is not None
    assert verdict.get("data-verdict") == "passed"
    assert words("verdict.passed") in text(verdict.find("h2"))


def test_the_headline_figures_are_the_summarys(page: Element, words: Words, summary: Summary) -> None:
    race = summary.race
    assert race is not None
    assert race.response_ms is not None
    expected = {
        "patients": words.number(synthetic.PATIENTS),
        "sold": words("headline.sold_value", sold=words.number(race.sold_once), slots=words.number(race.slots)),
        "attempts": words.number(race.attempts),
        "drain": words.seconds(race.drain_s),
        "ratio": words("headline.ratio_value", ratio=words.fixed(race.drain_ratio, 2)),
        "p50": words.milliseconds(race.response_ms.p50),
        "p99": words.milliseconds(race.response_ms.p99),
        "availability": words.percent(summary.availability, 3),
    }

    assert {name: figure(page, name) for name in expected} == {name: plain(value) for name, value in expected.items()}


def test_the_floors_derivation_shows_each_part(page: Element, words: Words, summary: Summary) -> None:
    assert summary.race is not None
    formula = text(page.find(".//p[@class='formula']"))

    for part_us in synthetic.FLOOR_US.values():
        assert plain(words.microseconds(part_us, 1)) in formula
    assert formula.endswith(plain(words.seconds(summary.race.floor_s)))


def test_every_invariant_is_listed_with_its_cases(page: Element, words: Words, summary: Summary) -> None:
    for invariant, checked in summary.audit.checked.items():
        assert cells(page, "invariant", invariant) == [words.number(checked), "0", words("audit.kept")]


def test_every_endpoint_has_its_counts_and_times(page: Element, words: Words, summary: Summary) -> None:
    for name, endpoint in summary.requests.items():
        counts = (endpoint.count, endpoint.good, endpoint.refused, endpoint.bad)
        assert cells(page, "endpoint", name) == [words.number(count) for count in counts]
        group = page.find(f".//tbody[@data-times='{name}']")
        assert group is not None
        times = endpoint.service_ms
        assert cells(group, "kind", "service") == [
            plain(words.milliseconds(value)) for value in (times.p50, times.p90, times.p99, times.p999, times.max)
        ]


def test_the_time_goes_where_the_summary_says(page: Element, words: Words, summary: Summary) -> None:
    for name, cost in summary.cost.items():
        assert cells(page, "component", name)[0] == plain(words.microseconds(cost.cpu_us_per_attempt))
    total = sum(cost.cpu_us_per_attempt or 0 for cost in summary.cost.values())
    assert cells(page, "component", "total")[0] == plain(words.microseconds(total))


def test_the_generators_health_is_the_summarys(page: Element, words: Words, summary: Summary) -> None:
    assert summary.generator.loop_lag_ms is not None
    assert figure(page, "lag_max") == plain(words.milliseconds(summary.generator.loop_lag_ms.max))
    assert figure(page, "bytes") == plain(words.size(summary.generator.bytes_per_patient))
    assert figure(page, "sockets") == words.number(summary.generator.sockets_max)


def test_each_worker_of_the_generator_has_its_row(page: Element, words: Words, summary: Summary) -> None:
    assert [one.worker for one in summary.generator.by_worker] == list(synthetic.WORKERS)
    for one in summary.generator.by_worker:
        assert one.loop_lag_ms is not None
        expected = (
            words.number(one.requests),
            words.milliseconds(one.loop_lag_ms.p99),
            words.milliseconds(one.loop_lag_ms.max),
            words.percent(one.cpu_share, 0),
            words.percent(one.cpu_share_max, 0),
            words.number(one.sockets_max),
            words.size(one.memory_max_bytes),
            words.milliseconds(one.gc_pause_ms),
            words.number(one.dropped),
        )
        assert cells(page, "worker", one.worker) == [plain(value) for value in expected]


def test_a_run_that_its_generator_spoiled_says_when_in_either_language(tmp_path: Path) -> None:
    run_dir = synthetic.write_run(tmp_path / "run")
    synthetic.delay(run_dir, "worker-1", (1, 2, 3), lag_ms=900)

    for path, stretch, mend in zip(
        report.write(run_dir),
        ("From 1 s to 4 s of the load", "De 1 s a 4 s da carga"),
        ("use more workers", "use mais processos"),
        strict=True,
    ):
        page = read_page(path)
        verdict, generator = page.find(".//section[@id='verdict']"), page.find(".//section[@id='generator']")
        assert verdict is not None
        assert generator is not None
        assert verdict.get("data-verdict") == "invalid"
        for said in (text(verdict), text(generator.find("ul"))):
            assert stretch in said
            assert "worker-1" in said
            assert mend in said
        assert "event loop" not in text(page)  # the summary's own sentences are for machines
        assert not NOTHING.search(text(page))


def test_every_chart_is_named_and_described_by_its_caption(page: Element, words: Words) -> None:
    figures = page.findall(".//figure")
    names = ["attempts", "sold", "responses", "cpu", "costs", "generator"]

    assert [text(found.find("svg/title")) for found in figures] == [words(f"charts.{name}.title") for name in names]
    for found in figures:
        assert text(found.find("svg/desc")) == text(found.find("figcaption"))


def single(run_dir: Path, sql: str) -> Any:
    with closing(record.open_record(run_dir)) as connection:
        return connection.execute(sql).fetchone()[0]


def test_every_query_gives_the_figure_that_it_is_named_after(run_dir: Path, summary: Summary) -> None:
    queries, race = trace_queries(), summary.race
    assert race is not None
    expected = {
        "attempts": race.attempts,
        "sold_once": race.sold_once,
        "drain_s": race.drain_s,
        "availability": summary.availability,
        "cpu": summary.cost["app"].cpu_s,
        "peak_memory": summary.peak_memory_bytes,
    }

    assert {name: single(run_dir, queries[name]) for name in expected} == expected
    with closing(record.open_record(run_dir)) as connection:
        for sql in queries.values():
            connection.execute(sql).fetchall()


def test_what_the_record_holds_is_shown_as_text_never_as_markup(tmp_path: Path) -> None:
    hostile = "<script>alert('x')</script> & \"quoted\""
    run_dir = synthetic.write_run(tmp_path / "run", run_id=hostile, invalid_reasons=[hostile])
    synthetic.edit(
        run_dir,
        "UPDATE audit SET broken = 1 WHERE invariant = 'phantoms'",
        "INSERT INTO audit_findings VALUES ('phantoms', '<b>appointment</b>')",
        "UPDATE latency SET endpoint = '<i>' WHERE endpoint = 'GET /v1/doctors'",
        "UPDATE usage SET component = '<u>' WHERE component = 'harness'",
    )

    for path in report.write(run_dir):
        page = read_page(path)
        assert page.find(".//script") is None
        assert hostile in text(page.find(".//section[@id='verdict']"))
        assert text(page.find(".//ul[@class='findings']")) == "<b>appointment</b>"
        assert cells(page, "endpoint", "<i>")
        assert cells(page, "component", "<u>")


def test_a_broken_invariant_shows_its_rows_up_to_a_limit(tmp_path: Path) -> None:
    run_dir = synthetic.write_run(tmp_path / "run")
    cases = FINDINGS_SHOWN + 7
    synthetic.edit(
        run_dir,
        f"UPDATE audit SET broken = {cases} WHERE invariant = 'double_bookings'",
        *(f"INSERT INTO audit_findings VALUES ('double_bookings', 'slot {i}')" for i in range(cases)),
    )

    page = english(run_dir)

    audit = page.find(".//section[@id='audit']")
    assert audit is not None
    assert len(audit.findall("ul[@class='findings']/li")) == FINDINGS_SHOWN
    assert "… and 7 more" in text(audit)
    assert cells(page, "invariant", "double_bookings")[1:] == [str(cases), "✗ broken"]


@pytest.mark.parametrize("reached", ["nothing", "connected", "drop"])
def test_a_run_that_was_cut_short_has_its_report_too(tmp_path: Path, reached: str) -> None:
    run_dir = synthetic.write_partial(tmp_path / "run", reached)

    for path in report.write(run_dir):
        page = read_page(path)
        verdict = page.find(".//section[@id='verdict']")
        assert verdict is not None
        assert verdict.get("data-verdict") == "partial"
        assert not NOTHING.search(text(page))


@pytest.mark.parametrize("key", ["floor", "machine", "options", "target"])
def test_a_record_that_lacks_a_part_of_its_description_has_its_report_too(tmp_path: Path, key: str) -> None:
    run_dir = synthetic.write_run(tmp_path / "run")
    synthetic.edit(run_dir, f"DELETE FROM meta WHERE key = '{key}'")

    assert not NOTHING.search(text(english(run_dir)))


def test_the_same_record_gives_the_same_page(run_dir: Path) -> None:
    before = [(run_dir / name).read_bytes() for name in report.FILE_NAMES.values()]

    assert [path.read_bytes() for path in report.write(run_dir)] == before


def test_a_folder_without_a_record_is_bad_input(tmp_path: Path) -> None:
    with pytest.raises(BadInputError):
        report.write(tmp_path)


def test_importing_the_report_does_not_import_matplotlib() -> None:
    code = "import sys, slotrush.report; sys.exit('matplotlib' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_run_that_has_been_summed_up_is_not_summed_up_again(tmp_path: Path) -> None:
    run_dir = synthetic.write_run(tmp_path / "run")
    ran = run.conclude(run_dir, lambda _: None)
    told = replace(ran.summary, run_id="as-it-was-told")

    pages = [path.read_text() for path in report.write(run_dir, told)]

    assert all("as-it-was-told" in page for page in pages)
    assert json.loads((run_dir / "summary.json").read_text())["run_id"] == ran.summary.run_id
