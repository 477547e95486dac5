"""What a short swarm says of its rate, from records of which every figure is known."""

from contextlib import closing
from dataclasses import replace
from pathlib import Path

from slotrush import gate, slo
from slotrush.capacity.bisect import Verdict
from slotrush.runs import record
from slotrush.summary.model import Fault
from slotrush.sweep import verdict
from tests.slotrush.gate.written import BOOK, READ, Fate, Second, sometimes, well, write_run

DROPPED = Fault("dropped", 5, 9, ("worker-0",), 40, 0.02, 1.0, 0.2, 0.0, None)


def judged(run_dir: Path, fate: Fate = well, load_s: int = 40) -> gate.Verdict:
    write_run(run_dir, fate, load_s=load_s, audited=False)
    with closing(record.open_record(run_dir)) as connection:
        return gate.judge(connection, slo.load())


def test_a_swarm_that_keeps_every_objective_passes_though_the_gate_wants_more_evidence(tmp_path: Path) -> None:
    outcome = judged(tmp_path / "run", sometimes(1, 0.05, READ, slow=1))
    assert outcome.outcome is gate.Outcome.UNDECIDED
    assert verdict.of(outcome, ()) == (Verdict.PASS, "")


def test_too_many_slow_answers_fail_and_say_which(tmp_path: Path) -> None:
    kind, reason = verdict.of(judged(tmp_path / "run", sometimes(1, 0.5, BOOK, slow=2)), ())
    assert kind is Verdict.FAIL
    assert reason.startswith("bookings-latency: 9")


def test_answers_that_are_not_as_promised_fail(tmp_path: Path) -> None:
    kind, reason = verdict.of(judged(tmp_path / "run", lambda _, __: Second(bad=1)), ())
    assert kind is Verdict.FAIL
    assert "availability" in reason


def test_what_a_request_costs_does_not_count(tmp_path: Path) -> None:
    run_dir = write_run(tmp_path / "run", load_s=40, audited=False, app_cpu_us=50_000)
    with closing(record.open_record(run_dir)) as connection:
        assert verdict.of(gate.judge(connection, slo.load()), ())[0] is Verdict.PASS


def test_a_generator_that_was_the_bottleneck_says_nothing_of_the_target(tmp_path: Path) -> None:
    outcome = judged(tmp_path / "run", sometimes(1, 0.5, BOOK, slow=2))
    kind, reason = verdict.of(outcome, (replace(DROPPED, cause="cpu"),))
    assert kind is Verdict.UNDECIDED
    assert reason.startswith("the generator was the bottleneck: from 5 s to 9 s")


def test_arrivals_that_found_everybody_waiting_are_the_targets_failure(tmp_path: Path) -> None:
    kind, reason = verdict.of(judged(tmp_path / "run"), (DROPPED,))
    assert kind is Verdict.FAIL
    assert "40 arrivals" in reason
    assert verdict.of(judged(tmp_path / "other"), (DROPPED, replace(DROPPED, cause="cpu")))[0] is Verdict.UNDECIDED


def test_a_load_too_short_to_be_steady_says_nothing(tmp_path: Path) -> None:
    kind, reason = verdict.of(judged(tmp_path / "run", load_s=12), ())
    assert kind is Verdict.UNDECIDED
    assert "fewer than 10 s are left" in reason


def test_a_swarm_that_was_cut_short_says_nothing(tmp_path: Path) -> None:
    write_run(tmp_path / "run", load_s=40, audited=False, ended=False)
    with closing(record.open_record(tmp_path / "run")) as connection:
        assert verdict.of(gate.judge(connection, slo.load()), ())[0] is Verdict.UNDECIDED
