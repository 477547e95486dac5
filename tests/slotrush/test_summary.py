import json
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slotrush import summary
from slotrush.runs import hdr, record
from slotrush.summary import INCOMPLETE, Summary
from slotrush.summary.usage import SAMPLING_GAP_MAX_US, cumulative_at
from tests.slotrush.report import synthetic
from tests.slotrush.report.synthetic import ATTEMPTS, DRAIN_S, SLOTS

PROMISED = {
    *("schema_version", "run_id", "scenario", "seed", "started_at", "duration_s", "patients", "target", "machine"),
    *("valid", "invalid_reasons", "audit", "race", "requests", "availability", "dropped_arrivals"),
    *("generator", "cost", "peak_memory_bytes"),
}
PROMISED_WITHIN = {
    "target": {"commit", "replicas", "cpu_quota_m"},
    "machine": {"cores", "memory_bytes", "cgroup"},
    "audit": {
        *("clean", "checked", "double_bookings", "lost_acknowledged", "phantoms", "reused_keys"),
        *("overlapping", "notifications_missing", "notifications_doubled"),
    },
    "race": {"slots", "sold", "attempts", "taken_answers", "drain_s", "floor_s", "drain_ratio"},
    "generator": {"workers", "bytes_per_patient", "loop_lag_ms", "cpu_share"},
}


def summary_of(run_dir: Path) -> Summary:
    with closing(record.open_record(run_dir)) as connection:
        return summary.summarise(connection)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Summary:
    return summary_of(synthetic.write_run(tmp_path_factory.mktemp("results") / "run"))


def test_a_whole_run_is_valid_and_its_audit_clean(whole: Summary) -> None:
    assert (whole.valid, whole.invalid_reasons, whole.interrupted) == (True, (), False)
    assert whole.audit.clean
    assert whole.audit.double_bookings == 0


def test_the_races_figures_are_counted(whole: Summary) -> None:
    race = whole.race
    assert race is not None

    assert (race.slots, race.sold, race.sold_once) == (SLOTS, SLOTS, SLOTS)
    assert (race.attempts, race.acknowledged, race.taken_answers) == (ATTEMPTS, SLOTS, ATTEMPTS - SLOTS)
    assert race.drain_s == DRAIN_S


def test_the_floor_is_the_attempts_at_the_least_cost_on_all_cores(whole: Summary) -> None:
    race = whole.race
    assert race is not None
    floor_s = ATTEMPTS * sum(synthetic.FLOOR_US.values()) / 2 / 1e6

    assert race.floor_s == pytest.approx(floor_s)
    assert race.drain_ratio == pytest.approx(DRAIN_S / floor_s)


def test_cpu_per_attempt_is_what_was_used_between_drop_and_drain(whole: Summary) -> None:
    for component, cores in synthetic.COMPONENTS.items():
        spent_us = cores * DRAIN_S * 1e6
        assert whole.cost[component].cpu_us_per_attempt == pytest.approx(spent_us / ATTEMPTS, rel=1e-3)


def test_availability_is_the_share_of_good_answers(tmp_path: Path) -> None:
    run_dir = synthetic.write_run(tmp_path / "run")
    synthetic.edit(run_dir, "UPDATE latency SET good = 3, bad = 1, refused = 1")

    found = summary_of(run_dir)

    assert found.availability == pytest.approx(0.6)
    assert all(endpoint.count == endpoint.good * 5 / 3 for endpoint in found.requests.values())


def test_response_times_of_the_race_are_those_since_the_drop(tmp_path: Path) -> None:
    run_dir = synthetic.write_run(tmp_path / "run")
    with closing(record.open_record(run_dir)) as connection, connection:
        connection.execute(
            "INSERT INTO latency VALUES ('worker-0', 'GET /livez', ?, 1, 0, 0, ?, ?)",
            (synthetic.CONNECT_S, hdr.encode([500e6]), hdr.encode([500e6])),
        )

    found = summary_of(run_dir)

    assert found.race is not None
    assert found.race.response_ms is not None
    assert found.race.response_ms.max < 100_000
    assert found.requests["GET /livez"].response_ms.max == pytest.approx(500_000, rel=1e-3)


def test_a_slot_with_two_appointments_is_sold_but_not_once(tmp_path: Path) -> None:
    run_dir = synthetic.write_run(tmp_path / "run")
    synthetic.edit(run_dir, "UPDATE stored_appointments SET slot = 'slot-0' WHERE slot = 'slot-1'")

    race = summary_of(run_dir).race

    assert race is not None
    assert (race.sold, race.sold_once) == (SLOTS - 1, SLOTS - 2)


def test_a_cancelled_appointment_does_not_sell_its_slot(tmp_path: Path) -> None:
    run_dir = synthetic.write_run(tmp_path / "run")
    synthetic.edit(run_dir, "UPDATE stored_appointments SET state = 'cancelled' WHERE slot = 'slot-1'")

    race = summary_of(run_dir).race

    assert race is not None
    assert (race.sold, race.sold_once) == (SLOTS - 1, SLOTS - 1)


def test_a_broken_invariant_makes_the_audit_unclean_but_not_the_run_invalid(tmp_path: Path) -> None:
    run_dir = synthetic.write_run(tmp_path / "run")
    synthetic.edit(run_dir, "UPDATE audit SET broken = 3 WHERE invariant = 'lost_acknowledged'")

    found = summary_of(run_dir)

    assert (found.valid, found.audit.clean, found.audit.lost_acknowledged) == (True, False, 3)


def test_memory_per_patient_is_what_the_workers_grew_by(tmp_path: Path, whole: Summary) -> None:
    """The base is known from the workers' events, unless the meta has it."""
    run_dir = synthetic.write_run(tmp_path / "run", generator_base=dict.fromkeys(synthetic.WORKERS, 69_000_000))

    assert whole.generator.bytes_per_patient == 2 * 19_000_000 / synthetic.PATIENTS
    assert summary_of(run_dir).generator.bytes_per_patient == 2 * 10_000_000 / synthetic.PATIENTS


def test_a_fault_of_the_measurement_makes_the_run_invalid(tmp_path: Path) -> None:
    found = summary_of(synthetic.write_run(tmp_path / "run", invalid_reasons=["the loop was late"]))

    assert (found.valid, found.invalid_reasons) == (False, ("the loop was late",))
    assert found.measuring_faults == ("the loop was late",)


@pytest.mark.parametrize(
    ("reached", "lacking"),
    [
        ("nothing", {"no-start", "no-snapshot", "no-audit"}),
        ("connected", {"interrupted", "no-drop", "no-snapshot", "no-audit"}),
        ("drop", {"interrupted", "not-drained", "no-snapshot", "no-audit"}),
    ],
)
def test_a_partial_run_says_what_it_lacks(tmp_path: Path, reached: str, lacking: set[str]) -> None:
    found = summary_of(synthetic.write_partial(tmp_path / "run", reached))

    assert set(found.incomplete) == lacking
    assert set(found.invalid_reasons) == {INCOMPLETE[code] for code in lacking}
    assert set(found.cut_short) == {INCOMPLETE[code] for code in lacking - {"no-snapshot", "no-audit"}}
    assert (found.valid, found.audit.clean, found.measuring_faults) == (False, None, ())


def test_a_run_that_lost_a_worker_is_partial(tmp_path: Path) -> None:
    run_dir = synthetic.write_run(tmp_path / "run")
    synthetic.edit(run_dir, "INSERT INTO events VALUES (1, 'worker-lost', '{}')")

    found = summary_of(run_dir)

    assert (found.valid, found.incomplete, found.measuring_faults) == (False, ("worker-lost",), ())


def test_what_a_partial_run_cannot_know_is_none(tmp_path: Path) -> None:
    race = summary_of(synthetic.write_partial(tmp_path / "run", "drop")).race

    assert race is not None
    assert (race.sold, race.sold_once, race.drain_s, race.drain_ratio) == (None, None, None, None)
    assert race.attempts == ATTEMPTS


@pytest.mark.parametrize("reached", ["nothing", "connected", "drop", "the end"])
def test_the_file_has_every_key_that_machines_were_promised(tmp_path: Path, reached: str) -> None:
    run_dir = tmp_path / "run"
    if reached == "the end":
        synthetic.write_run(run_dir)
    else:
        synthetic.write_partial(run_dir, reached)

    summary.write(run_dir)
    read = json.loads((run_dir / summary.SUMMARY_NAME).read_text(encoding="utf-8"))

    assert read.keys() >= PROMISED
    for name, keys in PROMISED_WITHIN.items():
        assert read[name] is None or read[name].keys() >= keys
    for endpoint in read["requests"].values():
        assert endpoint.keys() >= {"count", "good", "bad", "refused", "response_ms", "service_ms"}
        assert endpoint["response_ms"].keys() == {"p50", "p90", "p99", "p999", "max"}
    for cost in read["cost"].values():
        assert cost.keys() >= {"cpu_us_per_request", "cpu_s", "peak_memory_bytes"}


def test_a_run_without_a_drop_has_no_race(tmp_path: Path) -> None:
    run_dir = synthetic.write_partial(tmp_path / "run", "connected")
    synthetic.edit(run_dir, "UPDATE meta SET value = '\"browse\"' WHERE key = 'scenario'")

    assert summary_of(run_dir).race is None


@given(
    st.lists(st.tuples(st.integers(0, 10**9), st.integers(0, 10**6)), min_size=1, unique_by=lambda s: s[0]),
    st.integers(0, 10**9),
)
def test_a_counter_between_samples_lies_between_their_values(steps: list[tuple[int, int]], at_us: int) -> None:
    value = 0
    samples = [(time_us, value := value + growth) for time_us, growth in sorted(steps)]

    found = cumulative_at(samples, at_us)

    before = [counted for time_us, counted in samples if time_us <= at_us]
    after = [counted for time_us, counted in samples if time_us >= at_us]
    if found is not None:
        assert max(before, default=samples[0][1]) <= found <= min(after, default=samples[-1][1])


def test_a_counter_far_from_its_samples_is_unknown() -> None:
    samples = [(10_000_000, 5), (11_000_000, 7)]

    assert cumulative_at(samples, 10_500_000) == 6
    assert cumulative_at(samples, 11_000_000 + SAMPLING_GAP_MAX_US) == 7
    assert cumulative_at(samples, 11_000_001 + SAMPLING_GAP_MAX_US) is None
    assert cumulative_at([], 0) is None
