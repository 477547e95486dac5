"""Which seconds of a run are judged: races whole, everything else without its beginning and its end."""

import pytest

from slotrush.gate.window import Window, choose

US = 1_000_000


@pytest.mark.parametrize(
    ("load_s", "warm_up_s", "cool_down_s"),
    [(30, 10, 2), (120, 12, 6), (1_200, 60, 30)],
    ids=["half a minute", "two minutes", "twenty minutes"],
)
def test_warm_up_and_cool_down_are_cut(load_s: int, warm_up_s: int, cool_down_s: int) -> None:
    window = choose({"start": 1_000 * US, "ended": (1_000 + load_s) * US}, 1_000 + load_s)

    assert isinstance(window, Window)
    assert window.first_s == 1_000 + warm_up_s
    assert window.last_s == 1_000 + load_s - cool_down_s - 1
    assert window.seconds == load_s - warm_up_s - cool_down_s
    assert window.rule == (
        f"{window.seconds} s: of {load_s} s of load, without {warm_up_s} s of warm-up and {cool_down_s} s of cool-down"
    )


def test_only_whole_seconds_are_judged() -> None:
    window = choose({"start": 1_000 * US + 1, "ended": 1_030 * US - 1}, 1_030)

    assert isinstance(window, Window)
    assert (window.first_s, window.last_s) == (1_011, 1_026)


def test_a_race_is_judged_whole() -> None:
    window = choose({"drop": 1_000 * US + 500_000, "drained": 1_002 * US + 100_000}, 1_005)

    assert isinstance(window, Window)
    assert (window.first_s, window.last_s, window.stages) == (1_000, 1_002, True)
    assert "a race has no steady state" in window.rule


@pytest.mark.parametrize("begun", ["drop", "start"])
def test_a_run_that_was_cut_short_ends_with_its_last_answer(begun: str) -> None:
    window = choose({begun: 1_000 * US, "interrupted": 1_090 * US}, 1_059)

    assert isinstance(window, Window)
    assert window.last_s == (1_059 if begun == "drop" else 1_056)


@pytest.mark.parametrize(
    ("events", "last_answer_s", "why"),
    [
        ({"connect": 1_000 * US}, 1_010, "the load never began"),
        ({"start": 1_000 * US, "ended": 1_060 * US}, None, "the load never began"),
        ({"drop": 1_000 * US}, 990, "nothing was answered after the load began"),
        ({"start": 1_000 * US, "ended": 1_020 * US}, 1_020, "fewer than 10 s are left"),
    ],
    ids=["no load", "no answer", "no answer since the drop", "too short"],
)
def test_what_has_no_window_says_why(events: dict[str, int], last_answer_s: int | None, why: str) -> None:
    chosen = choose(events, last_answer_s)

    assert isinstance(chosen, str)
    assert why in chosen
