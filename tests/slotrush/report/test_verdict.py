from contextlib import closing
from pathlib import Path

import pytest

from slotrush.report.verdict import Kind, Verdict, judge
from slotrush.runs import record
from slotrush.summary import summarise
from tests.slotrush.report import synthetic


def verdict_of(run_dir: Path) -> Verdict:
    with closing(record.open_record(run_dir)) as connection:
        return judge(summarise(connection))


def test_a_whole_clean_run_passes_and_says_why(tmp_path: Path) -> None:
    verdict = verdict_of(synthetic.write_run(tmp_path / "run"))

    assert verdict.kind == Kind.PASSED
    assert [reason.name for reason in verdict.reasons] == ["clean", "sold_out", "none_failed", "fast"]
    assert not verdict.remarks


def test_a_broken_invariant_outweighs_all_else(tmp_path: Path) -> None:
    run_dir = synthetic.write_run(tmp_path / "run", invalid_reasons=["the generator was late"])
    synthetic.edit(run_dir, "UPDATE audit SET broken = 2 WHERE invariant = 'double_bookings'")

    verdict = verdict_of(run_dir)

    assert verdict.kind == Kind.FAILED
    assert (verdict.reasons[0].invariant, verdict.reasons[0].count) == ("double_bookings", 2)
    assert verdict.reasons[1].verbatim == "the generator was late"


def test_a_run_that_measured_wrongly_is_invalid(tmp_path: Path) -> None:
    run_dir = synthetic.write_run(tmp_path / "run", invalid_reasons=["the generator was late"])

    assert verdict_of(run_dir).kind == Kind.INVALID


@pytest.mark.parametrize("reached", ["nothing", "connected", "drop"])
def test_a_run_that_was_cut_short_is_partial(tmp_path: Path, reached: str) -> None:
    verdict = verdict_of(synthetic.write_partial(tmp_path / "run", reached))

    assert verdict.kind == Kind.PARTIAL
    assert "no_audit" in {reason.name for reason in verdict.reasons}


@pytest.mark.parametrize("audited", [True, False])
def test_a_run_that_was_ended_for_an_objective_has_failed_and_names_it(tmp_path: Path, audited: bool) -> None:
    run_dir = synthetic.write_run(tmp_path / "run") if audited else synthetic.write_partial(tmp_path / "run", "drop")
    detail = '{"objectives": {"availability": "availability is beyond saving: so it is"}}'
    synthetic.edit(run_dir, f"INSERT INTO events VALUES (1, 'aborted', '{detail}')")

    verdict = verdict_of(run_dir)

    assert verdict.kind == Kind.MISSED
    assert verdict.reasons[0].verbatim == "availability is beyond saving: so it is"


@pytest.mark.parametrize(
    ("change", "remark", "count"),
    [
        ("UPDATE latency SET bad = 1, good = good - 1 WHERE endpoint = 'POST /v1/appointments'", "bad", 12),
        ("UPDATE latency SET refused = 1 WHERE endpoint = 'POST /v1/appointments'", "refused", 12),
        ("DELETE FROM stored_appointments WHERE slot IN ('slot-1', 'slot-2')", "unsold", 2),
        ("UPDATE generator_health SET dropped = 2 WHERE worker = 'worker-0' AND second % 7 = 0", "dropped", 8),
        ("UPDATE events SET at_us = at_us + 10000000 WHERE name = 'drained'", "slow", 16 / 3.954),
    ],
)
def test_what_should_be_read_is_a_remark(tmp_path: Path, change: str, remark: str, count: float) -> None:
    run_dir = synthetic.write_run(tmp_path / "run")
    synthetic.edit(run_dir, change)

    verdict = verdict_of(run_dir)

    assert verdict.kind == Kind.REMARKS
    assert [reason.name for reason in verdict.remarks] == [remark]
    assert verdict.remarks[0].count == pytest.approx(count)


def test_a_drain_that_cannot_be_near_the_floor_is_not_called_slow(tmp_path: Path) -> None:
    """Patients who arrive for longer than the floor make the drain long, however fast the system is."""
    run_dir = synthetic.write_run(tmp_path / "run")
    synthetic.edit(run_dir, "UPDATE events SET at_us = at_us + 10000000 WHERE name = 'drained'")
    assert [remark.name for remark in verdict_of(run_dir).remarks] == ["slow"]
    synthetic.edit(run_dir, "UPDATE meta SET value = json_set(value, '$.drop_window_s', 60) WHERE key = 'options'")
    assert not verdict_of(run_dir).remarks
