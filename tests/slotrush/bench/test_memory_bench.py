"""What one more user takes of the memory."""

import pytest

from slotrush.bench.memory import Footprint, kernel_bytes, per_user


def test_what_is_there_without_users_is_not_theirs() -> None:
    few = Footprint(1_000, {"proxy": 45_000_000, "generator": 95_000_000, "valkey": 4_000_000})
    many = Footprint(11_000, {"proxy": 195_000_000, "generator": 245_000_000 + 10_000, "valkey": 4_000_000})

    taken = per_user(few, many)

    assert taken == pytest.approx({"generator": 15_001, "proxy": 15_000, "valkey": 0})
    assert list(taken) == ["generator", "proxy", "valkey"]


def test_the_kernel_s_own_is_what_it_cannot_reclaim() -> None:
    assert (
        kernel_bytes("MemTotal:  100 kB\nSReclaimable:  70 kB\nSUnreclaim:     3 kB\nHugePages_Total:   0\n") == 3_072
    )
