"""Open loads: as many arrivals as the rate adds up to, in order, spread as asked, the same for the same seed."""

import math
from collections import Counter
from itertools import islice, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slotrush.errors import BadInputError
from slotrush.swarm.load import Arrivals, Step, parse_arrivals

SEEDS = st.integers(min_value=-(2**63), max_value=2**64)
RATES = st.decimals(min_value=0, max_value=60, places=2).map(str)
DURATIONS = st.decimals(min_value="0.05", max_value=20, places=2).map(str)
RAMPS = st.builds("{}..{}".format, RATES, RATES)


def specs(*kinds: str) -> st.SearchStrategy[str]:
    """Loads of one to four stages, which now and then have no rate for a while, but not for ever."""
    stages = st.builds("{}:{}@{}".format, st.sampled_from(kinds), RATES | RAMPS, DURATIONS)
    return st.lists(stages, max_size=3).map(lambda texts: ",".join([*texts, f"{kinds[0]}:30@1"]))


def expected(arrivals: Arrivals) -> float:
    """How many arrivals the rate adds up to, by the trapezoidal rule, which is exact for straight lines."""
    return sum(
        (step.until_s - step.from_s)
        / 2
        * (arrivals.rate_per_s(step.from_s) + arrivals.rate_per_s(math.nextafter(step.until_s, 0)))
        for step in arrivals.steps()
    )


def kolmogorov_smirnov(values: list[float]) -> float:
    """The largest distance between what share of `values` is below x and x itself: is this uniform on [0, 1)?"""
    ordered, count = sorted(values), len(values)
    return max(max(value - k / count, (k + 1) / count - value) for k, value in enumerate(ordered))


def significant(count: int) -> float:
    """The distance that a true sample exceeds once in a thousand times (Kolmogorov's limit, 1.95 / √n)."""
    return 1.95 / math.sqrt(count)


@given(specs("constant"), SEEDS)
def test_evenly_spaced_arrivals_are_as_many_as_the_rate_adds_up_to(spec: str, seed: int) -> None:
    arrivals = parse_arrivals(spec, None)

    assert sum(1 for _ in arrivals.offsets_us(seed)) == pytest.approx(expected(arrivals), abs=1.001)


@given(specs("poisson"), SEEDS)
def test_independent_arrivals_are_as_many_give_or_take_their_standard_deviation(spec: str, seed: int) -> None:
    arrivals = parse_arrivals(spec, None)
    mean = expected(arrivals)

    assert sum(1 for _ in arrivals.offsets_us(seed)) == pytest.approx(mean, abs=7 * math.sqrt(mean) + 7)


@given(specs("poisson", "constant"), SEEDS)
def test_arrivals_are_in_order_and_within_the_load(spec: str, seed: int) -> None:
    arrivals = parse_arrivals(spec, None)
    offsets_us = list(arrivals.offsets_us(seed))

    assert offsets_us == sorted(offsets_us)
    assert all(0 <= offset_us < arrivals.duration_s * 1e6 for offset_us in offsets_us)


@given(SEEDS)
def test_a_seed_is_a_load(seed: int) -> None:
    def begin(spec: str, seed: int) -> list[int]:
        return list(islice(parse_arrivals(spec, None).offsets_us(seed), 50))

    assert begin("poisson:10", seed) == begin("poisson:10", seed)
    assert begin("poisson:10", seed) != begin("poisson:10", seed + 1)
    assert begin("poisson:10", 1) != begin("poisson:10", -1)
    assert begin("constant:10", seed) == begin("constant:10", seed + 1)


def test_no_other_run_time_makes_other_arrivals() -> None:
    short, long = (list(parse_arrivals("poisson:50", length_s).offsets_us(1)) for length_s in (10, 20))

    assert long[: len(short)] == short


def test_a_constant_rate_comes_at_equal_intervals_from_the_start_on() -> None:
    assert list(parse_arrivals("constant:4", 1.1).offsets_us(0)) == [0, 250_000, 500_000, 750_000, 1_000_000]


def test_equal_intervals_go_on_over_a_change_of_the_rate() -> None:
    # 1.5 arrivals in the first second, so the second one leaves half an arrival to the stage after it.
    assert list(parse_arrivals("constant:1.5@1,constant:5@1", None).offsets_us(0)) == [
        0,
        666_667,
        1_100_000,
        1_300_000,
        1_500_000,
        1_700_000,
        1_900_000,
    ]


@pytest.mark.parametrize(("rate", "count"), [("3", 90), ("8.3", 249), ("16.1", 483)])
def test_no_arrival_is_on_the_end_by_a_rounding_error(rate: str, count: int) -> None:
    assert sum(1 for _ in parse_arrivals(f"constant:{rate}@30", None).offsets_us(0)) == count  # 8.3 * 30 > 249


def test_the_gaps_of_independent_arrivals_are_exponential() -> None:
    offsets_us = list(parse_arrivals("poisson:200", 100).offsets_us(seed=5))
    gaps_s = [(later - earlier) / 1e6 for earlier, later in pairwise(offsets_us)]

    assert kolmogorov_smirnov([1 - math.exp(-200 * gap_s) for gap_s in gaps_s]) < significant(len(gaps_s))
    evenly = [1 - math.exp(-1.0)] * len(gaps_s)  # what constant:200 would give
    assert kolmogorov_smirnov(evenly) > significant(len(gaps_s))


def test_the_counts_of_independent_arrivals_vary_as_much_as_they_are() -> None:
    seconds = Counter(offset_us // 1_000_000 for offset_us in parse_arrivals("poisson:40", 1_000).offsets_us(seed=5))
    counts = [seconds[second] for second in range(1_000)]
    mean = sum(counts) / len(counts)

    assert sum((count - mean) ** 2 for count in counts) / len(counts) / mean == pytest.approx(1, abs=0.15)


@pytest.mark.parametrize("spec", ["poisson:0..200@100", "poisson:300..20@100", "constant:0..200@100"])
def test_the_arrivals_of_a_ramp_follow_its_cumulative_rate(spec: str) -> None:
    arrivals = parse_arrivals(spec, None)
    first, last = arrivals.rate_per_s(0), arrivals.rate_per_s(math.nextafter(100, 0))

    def share_until(at_s: float) -> float:
        return (first * at_s + (last - first) * at_s**2 / 200) / (100 * (first + last) / 2)

    times_s = [offset_us / 1e6 for offset_us in arrivals.offsets_us(seed=5)]
    assert kolmogorov_smirnov([share_until(time_s) for time_s in times_s]) < significant(len(times_s))


def test_the_rate_of_each_moment_is_known() -> None:
    arrivals = parse_arrivals("constant:5@10,poisson:10..30@10s,constant:0@1m,poisson:7@1h", None)

    rates = [arrivals.rate_per_s(at_s) for at_s in (-1, 0, 9.9, 10, 15, 20, 79, 80, 3679, 3680)]

    assert rates == [0, 5, 5, 10, 20, 0, 0, 7, 7, 0]
    assert arrivals.steps() == (Step(0, 5, 10), Step(10, 20, 20), Step(20, 0, 80), Step(80, 7, 3680))


def test_the_last_stage_lasts_as_long_as_the_run() -> None:
    assert parse_arrivals("poisson:5@10,poisson:9", 60).steps() == (Step(0, 5, 10), Step(10, 9, 60))
    assert parse_arrivals("poisson:5@10,poisson:9", None).duration_s == math.inf
    assert sum(1 for _ in islice(parse_arrivals("constant:9", None).offsets_us(1), 100_000)) == 100_000


def test_what_comes_after_the_end_of_the_run_is_left_out() -> None:
    cut = parse_arrivals("constant:10..30@20,constant:5@20,constant:1", 10)

    assert cut.steps() == (Step(0, 15, 10),)
    assert sum(1 for _ in cut.offsets_us(1)) == 150


def test_a_day_has_a_quiet_night_and_its_peak_in_the_morning() -> None:
    day = parse_arrivals("day:200", 240)  # an hour is ten seconds
    hours = [day.rate_per_s(10.0 * hour) for hour in range(24)]

    assert hours.index(max(hours)) in range(8, 11)
    assert max(hours) == 200
    assert max(hours[1:6]) < 0.1 * 200
    assert min(hours[12:14]) < min(hours[14], hours[11])
    assert hours[21] > hours[20]
    assert day.rate_per_s(math.nextafter(240, 0)) == pytest.approx(hours[0])


def test_a_day_agrees_with_what_was_published_of_clinics() -> None:
    hours = Counter(offset_us // 10_000_000 for offset_us in parse_arrivals("day:500", 240).offsets_us(seed=1))
    outside = sum(count for hour, count in hours.items() if not 9 <= hour < 17)

    assert 0.37 < outside / hours.total() < 0.51  # day.toml has the sources


def test_a_day_may_be_a_stage_among_others() -> None:
    arrivals = parse_arrivals("constant:10@60,day:200@24m", None)

    assert arrivals.duration_s == 60 + 24 * 60
    assert arrivals.rate_per_s(60 + 9 * 60) == pytest.approx(200)


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("", ["stage ''", "'' is no kind", "constant, poisson, day, trace"]),
        ("uniform:5", ["stage 'uniform:5'", "'uniform' is no kind"]),
        ("200", ["stage '200'", "'200' is no kind"]),
        ("poisson:5@1m,,poisson:5", ["stage ''"]),
        ("poisson:many", ["rate 'many'", "arrivals per second"]),
        ("poisson", ["rate ''"]),
        ("poisson:-5", ["rate '-5'"]),
        ("poisson:nan", ["rate 'nan'"]),
        ("poisson:1e9", ["rate '1e9'"]),
        ("poisson:1000001", ["rate '1000001'", "1,000,000"]),
        ("poisson:5..@1m", ["stage 'poisson:5..@1m'", "rate ''"]),
        ("poisson:5...9@1m", ["rate '.9'"]),
        ("poisson:5..9..7@1m", ["rate '9..7'"]),
        ("day:5..9@1m", ["rate '5..9'"]),
        ("poisson:5@soon", ["duration 'soon'", "5m"]),
        ("poisson:5@", ["duration ''"]),
        ("poisson:5@0", ["duration '0'"]),
        ("poisson:5@2d", ["duration '2d'"]),
        ("poisson:5@999999h", ["duration '999999h'"]),
        ("poisson:5,constant:7", ["stage 'poisson:5'", "only the last", "poisson:5@5m"]),
        ("poisson:5..9", ["a ramp needs an end"]),
        ("day:5", ["a day needs an end"]),
        ("poisson:5@1m,trace:x.csv", ["stage 'trace:x.csv'", "cannot be joined"]),
        ("poisson:0", ["--arrivals poisson:0", "nobody ever arrives"]),
    ],
)
def test_what_cannot_be_read_is_named(spec: str, words: list[str]) -> None:
    with pytest.raises(BadInputError) as error:
        parse_arrivals(spec, None)

    assert all(word in str(error.value) for word in words), str(error.value)
    assert error.value.thing.startswith("--arrivals")
