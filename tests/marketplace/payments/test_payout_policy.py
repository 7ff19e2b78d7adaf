"""What a seller may be paid, and when: properties of the policy."""

from __future__ import annotations

import datetime as dt

from hypothesis import given
from hypothesis import strategies as st

from marketplace.payments.payout_policy import (
    Earning,
    Standing,
    Terms,
    split_balance,
    terms_for,
)

NOW = dt.datetime(2026, 11, 25, 12, tzinfo=dt.UTC)

amounts = st.integers(0, 10**9)
earnings = st.lists(
    st.builds(
        Earning,
        at=st.integers(0, 200).map(lambda days: NOW - dt.timedelta(days=days)),
        amount_minor=amounts,
    ),
    max_size=12,
)
terms = st.builds(
    Terms,
    delay_days=st.integers(0, 30),
    reserve_bps=st.integers(0, 10_000),
    reserve_days=st.integers(0, 120),
)
standings = st.builds(
    Standing,
    days=st.integers(0, 2_000),
    sales=st.integers(0, 100_000),
    disputes=st.integers(0, 2_000),
)


def sale(days_ago: int, amount: int) -> Earning:
    return Earning(at=NOW - dt.timedelta(days=days_ago), amount_minor=amount)


@given(st.integers(-(10**9), 10**9), earnings, terms)
def test_the_three_parts_sum_to_the_balance(
    balance: int, sales: list[Earning], terms: Terms
) -> None:
    split = split_balance(balance, sales, terms, now=NOW)

    assert split.available + split.pending + split.reserve == balance
    assert split.pending >= 0
    assert split.reserve >= 0
    assert 0 <= split.payable <= max(balance, 0)


@given(st.integers(0, 10**9), earnings, terms, st.integers(0, 100))
def test_waiting_never_makes_less_payable(
    balance: int, sales: list[Earning], terms: Terms, days: int
) -> None:
    # The whole of a waiting sale is at least its reserve, so a sale is only ever let go.
    now = split_balance(balance, sales, terms, now=NOW)
    later = split_balance(balance, sales, terms, now=NOW + dt.timedelta(days=days))

    assert later.payable >= now.payable


@given(st.integers(0, 10**9), earnings, terms)
def test_everything_is_let_go_in_the_end(balance: int, sales: list[Earning], terms: Terms) -> None:
    end = NOW + dt.timedelta(days=max(terms.delay_days, terms.reserve_days))

    assert split_balance(balance, sales, terms, now=end).payable == balance


@given(standings, st.integers(0, 2_000), st.integers(0, 2_000))
def test_age_makes_terms_no_worse_and_disputes_no_better(
    standing: Standing, days: int, disputes: int
) -> None:
    older = terms_for(Standing(standing.days + days, standing.sales, standing.disputes))
    worse = terms_for(Standing(standing.days, standing.sales, standing.disputes + disputes))
    now = terms_for(standing)

    assert older.delay_days <= now.delay_days <= worse.delay_days
    assert older.reserve_bps <= now.reserve_bps <= worse.reserve_bps
    assert older.reserve_days <= now.reserve_days <= worse.reserve_days


def test_a_new_seller_waits_and_leaves_a_reserve() -> None:
    terms = terms_for(Standing(days=3, sales=5, disputes=0))

    split = split_balance(3_000, [sale(2, 1_000), sale(20, 2_000)], terms, now=NOW)

    assert (terms.delay_days, terms.reserve_bps) == (14, 1_000)
    assert (split.available, split.pending, split.reserve) == (1_800, 1_000, 200)


def test_an_old_seller_with_few_disputes_waits_three_days() -> None:
    terms = terms_for(Standing(days=400, sales=1_000, disputes=2))

    split = split_balance(300, [sale(2, 100), sale(3, 200)], terms, now=NOW)

    assert (split.available, split.pending, split.reserve) == (200, 100, 0)


def test_many_disputes_hold_an_old_seller_back() -> None:
    assert terms_for(Standing(days=400, sales=1_000, disputes=20)) == Terms(21, 2_500, 120)
    # One of ten is not ten per cent: it counts as one of a hundred.
    assert terms_for(Standing(days=400, sales=10, disputes=1)) == Terms(14, 1_500, 90)


def test_a_debt_is_available_as_what_it_is_and_pays_nothing() -> None:
    split = split_balance(-500, [sale(1, 100)], Terms(14, 1_000, 90), now=NOW)

    assert (split.available, split.pending, split.reserve, split.payable) == (-500, 0, 0, 0)


def test_a_part_of_a_minor_unit_stays_in_the_reserve() -> None:
    split = split_balance(1, [sale(20, 1)], Terms(14, 1_000, 90), now=NOW)

    assert (split.available, split.reserve) == (0, 1)
