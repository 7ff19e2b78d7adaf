from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.core.shares import spread

AMOUNTS = st.integers(0, 10**12)


@pytest.mark.parametrize(
    ("total", "weights", "shares"),
    [
        (100, (1, 1, 1), (34, 33, 33)),
        (101, (1, 1, 1), (34, 34, 33)),
        (5, (0, 10, 0), (0, 5, 0)),
        (1_000, (9_900, 100), (990, 10)),
        (10, (2, 3, 3), (2, 4, 4)),
        (0, (0, 0), (0, 0)),
        (0, (), ()),
    ],
)
def test_what_is_left_goes_to_the_largest_remainders(
    total: int, weights: tuple[int, ...], shares: tuple[int, ...]
) -> None:
    assert spread(total, weights) == shares


@given(total=AMOUNTS, weights=st.lists(AMOUNTS, min_size=1, max_size=20))
def test_shares_sum_to_the_total_and_are_off_by_less_than_one(
    total: int, weights: list[int]
) -> None:
    whole = sum(weights)
    if whole == 0:
        total = 0
    shares = spread(total, weights)

    assert sum(shares) == total
    assert all(
        abs(s * whole - total * w) < max(whole, 1) for s, w in zip(shares, weights, strict=True)
    )
    if total <= whole:
        assert all(share <= weight for share, weight in zip(shares, weights, strict=True))


@pytest.mark.parametrize(("total", "weights"), [(1, ()), (1, (0, 0)), (-1, (1,)), (1, (2, -1))])
def test_nothing_is_shared_by_nothing(total: int, weights: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"nothing|negative"):
        spread(total, weights)
