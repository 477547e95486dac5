"""When it is looked at the pairs, and how the error is shared out among the looks."""

import pytest

from slotrush.compare.sequential import ERROR, FIRST, looks, tails


@pytest.mark.parametrize("pairs_max", [16, 18, 40, 120, 600])
def test_looks_ascend_to_the_whole_and_each_version_went_first_as_often(pairs_max: int) -> None:
    planned = looks(pairs_max)

    assert planned[0] == FIRST
    assert planned[-1] == pairs_max
    assert sorted(set(planned)) == list(planned)
    assert all(pairs % 2 == 0 for pairs in planned)


@pytest.mark.parametrize("pairs_max", [16, 120, 600])
def test_all_looks_together_spend_the_error_and_no_more(pairs_max: int) -> None:
    spent = tails(looks(pairs_max))

    assert sum(spent.values()) == pytest.approx(ERROR)
    assert min(spent.values()) > 0


def test_early_looks_spend_little() -> None:
    spent = tails(looks(120))
    assert spent[FIRST] < spent[120] / 10
