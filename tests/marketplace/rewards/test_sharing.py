"""A pool is shared out to the last minor unit, whatever was delivered."""

from __future__ import annotations

import uuid

from hypothesis import given
from hypothesis import strategies as st

from marketplace.rewards.sharing import share_out

COUNTS = st.integers(0, 10**13)
SENDERS = st.lists(COUNTS, max_size=12)


def sent(counts: list[int]) -> dict[uuid.UUID, int]:
    return {uuid.UUID(int=number): count for number, count in enumerate(counts, 1)}


@given(st.integers(0, 10**9), COUNTS, SENDERS, COUNTS)
def test_every_minor_unit_goes_to_somebody(
    pool: int, size: int, counts: list[int], origin: int
) -> None:
    cut = share_out(pool, size=size, delivered=sent(counts), origin=origin)

    assert sum(cut.rewards.values()) + cut.operator + cut.seller == pool
    assert min([*cut.rewards.values(), cut.operator, cut.seller]) >= 0
    assert sum(cut.bytes_of.values()) + cut.origin_bytes <= size
    assert cut.rewards.keys() == cut.bytes_of.keys()


@given(st.integers(0, 10**9), st.integers(1, 10**13), SENDERS, COUNTS)
def test_nobody_gets_more_than_their_bytes_are_of_it(
    pool: int, size: int, counts: list[int], origin: int
) -> None:
    delivered = sent(counts)
    cut = share_out(pool, size=size, delivered=delivered, origin=origin)

    whole = max(size, sum(counts) + origin)
    for sender, minor in cut.rewards.items():
        assert cut.bytes_of[sender] <= delivered[sender]
        # Both the bytes and the money are rounded, each by less than one.
        assert minor * whole < (delivered[sender] + whole // size + 1) * pool + whole


@given(st.integers(0, 10**9), st.integers(1, 10**13))
def test_what_nobody_delivered_goes_back_whole(pool: int, size: int) -> None:
    cut = share_out(pool, size=size, delivered={}, origin=0)

    assert (cut.rewards, cut.operator, cut.seller) == ({}, 0, pool)


@given(st.integers(0, 10**9), SENDERS, COUNTS)
def test_where_there_was_nothing_to_deliver_nobody_is_paid(
    pool: int, counts: list[int], origin: int
) -> None:
    cut = share_out(pool, size=0, delivered=sent(counts), origin=origin)

    assert (cut.rewards, cut.operator, cut.seller) == ({}, 0, pool)
