"""Think times: the distribution that was asked for, and nothing else."""

import math
import random
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slotrush.errors import BadInputError
from slotrush.swarm.think import parse_think_time

UNIFORM = st.floats(0, 1, exclude_max=True)
NUMBERS = st.decimals(min_value=0, max_value=3, places=6).map(lambda value: f"{value:f}")
SPECS = st.one_of(
    st.just("none"),
    st.builds("exponential:{}".format, NUMBERS),
    st.builds("constant:{}".format, NUMBERS),
    st.builds("lognormal:{},{}".format, NUMBERS, NUMBERS),
)


def draws(spec: str, count: int = 20_000) -> list[float]:
    think, uniform = parse_think_time(spec), random.Random(11).random
    return [think.draw_s(uniform(), uniform()) for _ in range(count)]


@pytest.mark.parametrize("spec", ["exponential:20", "lognormal:20,0.5", "lognormal:20,0", "constant:20"])
def test_the_mean_is_the_one_that_was_asked_for(spec: str) -> None:
    assert parse_think_time(spec).mean_s == 20
    assert statistics.fmean(draws(spec)) == pytest.approx(20, rel=0.02)


@pytest.mark.parametrize("quantile", [0.1, 0.5, 0.9, 0.99])
def test_exponential_times_have_the_quantiles_of_their_distribution(quantile: float) -> None:
    times_s = sorted(draws("exponential:20"))

    assert times_s[int(quantile * len(times_s))] == pytest.approx(-20 * math.log(1 - quantile), rel=0.05)


def test_the_logarithms_of_lognormal_times_are_normal() -> None:
    logs = [math.log(time_s) for time_s in draws("lognormal:20,0.5")]
    mean = statistics.fmean(logs)

    assert mean == pytest.approx(math.log(20) - 0.5**2 / 2, abs=0.01)
    assert statistics.stdev(logs) == pytest.approx(0.5, rel=0.02)
    within_one_sigma = sum(abs(log - mean) < 0.5 for log in logs) / len(logs)
    assert within_one_sigma == pytest.approx(0.6827, abs=0.01)


@given(SPECS, UNIFORM, UNIFORM)
def test_nobody_thinks_for_less_than_nothing_or_for_ever(spec: str, u: float, v: float) -> None:
    assert 0 <= parse_think_time(spec).draw_s(u, v) < math.inf


@given(SPECS)
def test_a_think_time_is_written_as_it_is_read(spec: str) -> None:
    assert parse_think_time(str(parse_think_time(spec))) == parse_think_time(spec)


@pytest.mark.parametrize("spec", ["exponential:20", "lognormal:20,0.5", "constant:0.25", "none"])
def test_a_short_specification_is_given_back_as_it_was(spec: str) -> None:
    assert str(parse_think_time(spec)) == spec


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("", "'' is no kind"),
        ("uniform:3", "'uniform' is no kind"),
        ("none:3", "'none' is no kind"),
        ("20", "'20' is no kind"),
        ("exponential", "mean ''"),
        ("exponential:20s", "mean '20s'"),
        ("exponential:-1", "mean '-1'"),
        ("exponential:nan", "mean 'nan'"),
        ("exponential:20,1", "mean '20,1'"),
        ("constant:86401", "mean '86401'"),
        ("lognormal:20", "sigma ''"),
        ("lognormal:,1", "mean ''"),
        ("lognormal:20,wide", "sigma 'wide'"),
        ("lognormal:20,3.1", "sigma '3.1'"),
    ],
)
def test_what_cannot_be_read_is_named(spec: str, words: str) -> None:
    with pytest.raises(BadInputError) as error:
        parse_think_time(spec)

    assert error.value.thing == f"--think {spec}"
    assert words in error.value.problem
    assert error.value.mend
