"""Verdicts on whole records: each objective by its own data, and the run by all of them."""

from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from slotrush import gate, slo
from slotrush.gate import Outcome, Result, Verdict
from slotrush.runs import record
from slotrush.slo import Objectives
from tests.slotrush.gate.written import BOOK, MIB, READ, Fate, Second, sometimes, well, write_run

ELSEWHERE = {"base_url": "http://gateway", "commit": None, "replicas": None, "cpu_quota_m": None}
"""The target of a record whose run did not start it."""


def judged(run_dir: Path, objectives: Objectives | None = None) -> Verdict:
    with closing(record.open_record(run_dir)) as connection:
        return gate.judge(connection, objectives or slo.load())


def results(verdict: Verdict) -> dict[str, Result]:
    return {result.objective.name: result for result in verdict.results}


def outcomes(verdict: Verdict) -> dict[str, str]:
    return {name: str(result.outcome) for name, result in results(verdict).items()}


def without(name: str) -> Objectives:
    objectives = slo.load()
    return replace(objectives, every=tuple(one for one in objectives.every if one.name != name))


def test_a_good_run_passes_and_says_by_what(tmp_path: Path) -> None:
    verdict = judged(write_run(tmp_path / "run", statements=1.2))

    assert set(outcomes(verdict).values()) == {"pass"}
    assert (verdict.outcome, verdict.exit_code) == (Outcome.PASS, 0)
    assert verdict.window is not None
    assert verdict.window.seconds == 60 - 10 - 3
    figures = {name: result.estimate.figure for name, result in results(verdict).items() if result.estimate}
    assert figures == pytest.approx(
        {
            "availability": 1,
            "bookings-latency": 1,
            "reads-latency": 1,
            "app-cpu": 180,
            "statements": 1.2,
            "replica-memory": 90 * MIB,
        },
        rel=1e-3,
    )
    counted = {name: result.estimate.requests for name, result in results(verdict).items() if result.estimate}
    assert counted["availability"] == 47 * 2 * 122
    assert counted["bookings-latency"] == 47 * 2 * 40


@pytest.mark.parametrize(
    ("fate", "outcome"),
    [
        (sometimes(1, 0.5, READ, bad=4), "fail"),
        (sometimes(1, 0.5, READ, refused=4), "fail"),
        (sometimes(1, 0.04, BOOK, bad=2), "undecided"),
        (well, "pass"),
    ],
    ids=["errors", "shed", "about the target", "none"],
)
def test_availability_counts_what_failed_and_what_was_shed(tmp_path: Path, fate: Fate, outcome: str) -> None:
    assert outcomes(judged(write_run(tmp_path / "run", fate)))["availability"] == outcome


def test_slow_bookings_fail_their_own_objective_only(tmp_path: Path) -> None:
    verdict = judged(write_run(tmp_path / "run", lambda endpoint, _: Second(slow=4 if endpoint == BOOK else 0)))

    found = results(verdict)["bookings-latency"]
    assert (found.outcome, verdict.outcome) == (Outcome.FAIL, Outcome.FAIL)
    assert found.estimate is not None
    assert found.estimate.figure == pytest.approx(0.9)
    assert outcomes(verdict)["reads-latency"] == "pass"


def test_what_happens_in_the_warm_up_does_not_count(tmp_path: Path) -> None:
    run_dir = write_run(tmp_path / "run", lambda _, second: Second(slow=2 if second < 10 else 0))

    assert judged(run_dir).outcome is Outcome.PASS


def test_a_race_has_objectives_of_its_own_and_is_judged_from_its_first_second(tmp_path: Path) -> None:
    def at_first(_: str, second: int) -> Second:
        return Second(slow=2 if second == 0 else 0)

    verdict = judged(write_run(tmp_path / "run", at_first, scenario="race", load_s=10))

    found = results(verdict)["bookings-latency"].objective
    assert isinstance(found, slo.Latency)
    assert found.threshold_ms == 10_000
    assert outcomes(verdict)["bookings-latency"] != "pass"


def test_an_objective_without_traffic_is_undecided_and_named(tmp_path: Path) -> None:
    verdict = judged(write_run(tmp_path / "run", endpoints=(READ,)))

    found = results(verdict)["bookings-latency"]
    assert found.outcome is Outcome.UNDECIDED
    assert found.reason == "no traffic: no request to bookings was answered in the window"
    assert (verdict.outcome, verdict.exit_code) == (Outcome.UNDECIDED, 3)


@pytest.mark.parametrize(
    ("app_cpu_us", "app_memory_bytes", "statements", "expected"),
    [
        (3_000, 2 * 90 * MIB, 1.0, {"app-cpu": "fail"}),
        (180, 2 * 257 * MIB, 1.0, {"replica-memory": "fail"}),
        (180, 2 * 90 * MIB, 2.5, {"statements": "fail"}),
        (180, 2 * 90 * MIB, None, {"statements": "skipped"}),
    ],
    ids=["CPU", "memory", "statements", "statements not counted"],
)
def test_costs_are_held_against_their_limits(
    tmp_path: Path, app_cpu_us: float, app_memory_bytes: int, statements: float | None, expected: dict[str, str]
) -> None:
    run_dir = write_run(
        tmp_path / "run", app_cpu_us=app_cpu_us, app_memory_bytes=app_memory_bytes, statements=statements
    )

    found = outcomes(judged(run_dir))

    assert {name: outcome for name, outcome in found.items() if outcome != "pass"} == expected


def test_a_cost_that_was_not_measured_is_undecided_where_it_is_required(tmp_path: Path) -> None:
    run_dir = write_run(tmp_path / "run")
    with closing(record.open_record(run_dir)) as connection, connection:
        connection.execute("DELETE FROM usage")

    found = results(judged(run_dir))

    assert found["app-cpu"].outcome is Outcome.UNDECIDED
    assert found["app-cpu"].reason == "the CPU of app was not measured in the window"
    assert found["replica-memory"].outcome is Outcome.UNDECIDED


def test_a_broken_promise_outweighs_everything(tmp_path: Path) -> None:
    verdict = judged(write_run(tmp_path / "run", broken=3, lag_ms=5_000, ended=False))

    assert (verdict.outcome, verdict.exit_code) == (Outcome.FAIL, 1)
    assert "3 lost_acknowledged" in results(verdict)["audit-clean"].reason


def test_a_broken_promise_counts_even_where_nobody_asked_for_the_audit(tmp_path: Path) -> None:
    run_dir = write_run(tmp_path / "run", broken=3)

    assert judged(run_dir, without("audit-clean")).outcome is Outcome.FAIL


def test_without_an_audit_a_run_passes_only_where_nobody_asks_for_it(tmp_path: Path) -> None:
    run_dir = write_run(tmp_path / "run", audited=False)

    assert outcomes(judged(run_dir))["audit-clean"] == "undecided"
    assert judged(run_dir).outcome is Outcome.UNDECIDED
    assert judged(run_dir, without("audit-clean")).outcome is Outcome.PASS


def test_a_generator_that_was_the_bottleneck_makes_the_run_invalid_and_every_figure_doubtful(tmp_path: Path) -> None:
    run_dir = write_run(tmp_path / "run", lambda *_: Second(slow=2), lag_ms=5_000)

    verdict = judged(run_dir)

    assert (verdict.outcome, verdict.exit_code) == (Outcome.INVALID, 4)
    assert outcomes(verdict)["generator-valid"] == "fail"
    assert outcomes(verdict)["bookings-latency"] == "undecided"
    assert "it came out as fail, but" in results(verdict)["bookings-latency"].reason


def test_a_run_that_was_cut_short_cannot_pass(tmp_path: Path) -> None:
    verdict = judged(write_run(tmp_path / "run", ended=False))

    assert (verdict.outcome, verdict.exit_code) == (Outcome.UNDECIDED, 3)
    assert outcomes(verdict)["availability"] == "undecided"
    assert results(verdict)["availability"].reason == "it held until then, but the run was interrupted"


def test_a_run_that_was_cut_short_cannot_pass_by_its_conditions_alone(tmp_path: Path) -> None:
    objectives = slo.load()
    conditions = replace(objectives, every=tuple(one for one in objectives.every if isinstance(one, slo.Condition)))

    verdict = judged(write_run(tmp_path / "run", ended=False), conditions)

    assert set(outcomes(verdict).values()) == {"pass"}
    assert verdict.outcome is Outcome.UNDECIDED


def test_a_run_that_was_cut_short_can_fail(tmp_path: Path) -> None:
    verdict = judged(write_run(tmp_path / "run", lambda *_: Second(bad=2), ended=False))

    assert verdict.outcome is Outcome.FAIL
    assert outcomes(verdict)["availability"] == "fail"


def test_a_run_that_never_began_is_undecided(tmp_path: Path) -> None:
    record.create(tmp_path / record.RECORD_NAME).close()

    verdict = judged(tmp_path)

    assert verdict.outcome is Outcome.UNDECIDED
    assert (verdict.window, verdict.no_window) == (None, "the load never began")


def test_a_scenario_can_be_spared_an_objective(tmp_path: Path) -> None:
    objectives = replace(slo.load(), scenarios={"mix": {"bookings-latency": {"skip": "it books nothing"}}})

    verdict = judged(write_run(tmp_path / "run", endpoints=(READ,)), objectives)

    assert verdict.outcome is Outcome.PASS
    assert results(verdict)["bookings-latency"].reason == "it books nothing"


@pytest.mark.parametrize(("sampled", "outcome"), [("app", "pass"), ("generator", "skipped")])
def test_of_a_target_elsewhere_only_what_was_seen_is_judged(tmp_path: Path, sampled: str, outcome: str) -> None:
    run_dir = write_run(tmp_path / "run")
    with closing(record.open_record(run_dir)) as connection, connection:
        connection.execute("DELETE FROM usage WHERE component <> 'app'")
        connection.execute("UPDATE usage SET component = ?", (sampled,))
        record.put_meta(connection, target=ELSEWHERE)

    found = outcomes(judged(run_dir))

    assert {found["app-cpu"], found["replica-memory"]} == {outcome}


def test_a_run_inside_a_cluster_passes_with_the_reason_for_what_was_not_judged(tmp_path: Path) -> None:
    """Nobody samples anything there; the whole way is gone in tests/k8s/test_start_commands.py."""
    run_dir = write_run(tmp_path / "run")
    with closing(record.open_record(run_dir)) as connection, connection:
        connection.execute("DELETE FROM usage")
        record.put_meta(connection, target=ELSEWHERE)

    verdict = judged(run_dir)

    assert (verdict.outcome, verdict.exit_code) == (Outcome.PASS, 0)
    skipped = {name: one.reason for name, one in results(verdict).items() if one.outcome is Outcome.SKIPPED}
    assert skipped.keys() == {"app-cpu", "statements", "replica-memory"}
    assert skipped["app-cpu"] == "the target ran elsewhere, where nobody saw what its parts used"
