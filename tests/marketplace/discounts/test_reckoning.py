"""What a code takes off: to the last unit."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.core.money import CURRENCIES
from marketplace.discounts.errors import CodeMinimumError, CodeNotForTheseError
from marketplace.discounts.models import Code
from marketplace.discounts.reckoning import reckon
from tests.marketplace.discounts.coding import line_of

SELLER, OTHER = uuid.uuid4(), uuid.uuid4()


def code_of(**terms: Any) -> Code:
    return Code(seller_id=SELLER, shown="BYEOL", **{"everything": True, **terms})


def off(code: Code, *prices: int, currency: str = "KRW") -> tuple[int, ...]:
    lines = [line_of(SELLER, price, currency) for price in prices]
    return tuple(money.minor for money in reckon(code, lines).lines)


@pytest.mark.parametrize(
    ("percent", "prices", "expected"),
    [
        (10, (9_900,), (990,)),
        (15, (999,), (150,)),  # 149.85
        (50, (1_001,), (501,)),  # 500.5: half up
        (100, (9_900, 100), (9_900, 100)),
        (33, (100, 100, 100), (33, 33, 33)),
    ],
)
def test_a_percentage_is_taken_off_each_line(
    percent: int, prices: tuple[int, ...], expected: tuple[int, ...]
) -> None:
    assert off(code_of(percent=percent), *prices) == expected


@pytest.mark.parametrize(
    ("amount", "prices", "expected"),
    [
        (1_000, (9_900,), (1_000,)),
        (1_000, (5_000, 5_000, 5_000), (334, 333, 333)),
        (50_000, (9_900, 100), (9_900, 100)),  # never more than it costs
        (10_000, (9_900, 100), (9_900, 100)),
    ],
)
def test_an_amount_is_taken_off_once_and_shared(
    amount: int, prices: tuple[int, ...], expected: tuple[int, ...]
) -> None:
    assert off(code_of(amount_minor=amount, currency="KRW"), *prices) == expected


def test_other_sellers_items_and_named_prices_keep_theirs() -> None:
    code = code_of(percent=50)
    lines = [
        line_of(SELLER, 1_000),
        line_of(OTHER, 1_000),
        line_of(SELLER, 1_000, plain=False),
        line_of(SELLER, 0),
    ]

    assert [money.minor for money in reckon(code, lines).lines] == [500, 0, 0, 0]


def test_a_code_for_chosen_items_leaves_the_others() -> None:
    code = code_of(percent=50, everything=False)
    chosen, other = line_of(SELLER, 1_000), line_of(SELLER, 3_000)

    found = reckon(code, [other, chosen], {chosen.listing_id})

    assert [money.minor for money in found.lines] == [0, 500]
    with pytest.raises(CodeNotForTheseError):
        reckon(code, [other], {chosen.listing_id})


def test_a_code_in_won_is_not_for_dollars() -> None:
    code = code_of(amount_minor=1_000, currency="KRW")

    with pytest.raises(CodeNotForTheseError):
        off(code, 1_000, currency="USD")
    with pytest.raises(CodeNotForTheseError):
        reckon(code, [])


def test_the_minimum_counts_only_what_the_code_is_for() -> None:
    code = code_of(percent=10, minimum_minor=10_000, currency="KRW")

    assert off(code, 6_000, 4_000) == (600, 400)
    with pytest.raises(CodeMinimumError, match="₩10,000"):
        reckon(code, [line_of(SELLER, 9_999), line_of(OTHER, 50_000)])


def test_what_a_card_cannot_be_charged_is_not_left_over() -> None:
    """A dollar less 60 % would be 40 cents; the least is 50."""
    found = reckon(code_of(percent=60), [line_of(SELLER, 100, "USD")])

    assert (found.total.minor, found.capped) == (50, True)
    with pytest.raises(CodeMinimumError, match="nothing"):
        off(code_of(percent=60), 50, currency="USD")


def test_dinars_are_taken_off_in_steps_of_ten_fils() -> None:
    assert off(code_of(percent=15), 1_550, currency="KWD") == (230,)  # 232.5
    amount = code_of(amount_minor=1_005, currency="KWD")
    assert off(amount, 1_000, 1_000, 1_000, currency="KWD") == (340, 330, 330)


def test_another_sellers_item_in_the_cart_carries_the_least_charge() -> None:
    lines = [line_of(SELLER, 100, "USD"), line_of(OTHER, 1_000, "USD")]

    found = reckon(code_of(percent=60), lines)

    assert (found.total.minor, found.capped) == (60, False)


@given(
    prices=st.lists(st.integers(0, 10**8), min_size=1, max_size=12),
    percent=st.integers(1, 100),
    amount=st.integers(1, 10**8),
    by_amount=st.booleans(),
    currency=st.sampled_from(sorted(CURRENCIES)),
)
def test_no_line_goes_below_nothing_and_the_rest_can_be_charged(
    prices: list[int], percent: int, amount: int, by_amount: bool, currency: str
) -> None:
    code = (
        code_of(amount_minor=amount, currency=currency) if by_amount else code_of(percent=percent)
    )
    step = CURRENCIES[currency].step
    prices = [price // step * step for price in prices]
    lines = [line_of(SELLER, price, currency) for price in prices]
    try:
        found = reckon(code, lines)
    except (CodeNotForTheseError, CodeMinimumError):
        return

    shares = [money.minor for money in found.lines]
    assert all(0 <= share <= price for share, price in zip(shares, prices, strict=True))
    assert sum(shares) == found.total.minor > 0
    left = sum(prices) - found.total.minor
    assert left == 0 or left >= CURRENCIES[currency].minimum
    assert all(share % step == 0 for share in shares)
