"""How a sale is cut, and what refunds take of each part, for any amounts."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st

from marketplace.catalog.models import Listing
from marketplace.checkout.parts import Parts, charge_lines
from marketplace.ledger.types import AccountKind, Line
from marketplace.orders.models import Bill, Order

MONEY = st.integers(0, 10**8)


@st.composite
def orders(draw: st.DrawFn) -> Order:
    """An order with a price, of which credit, fee and pool are any part."""
    price = draw(MONEY)
    return Order(
        bill=Bill(pk=uuid.UUID(int=7)),
        listing=Listing(seller_id=uuid.uuid4()),
        currency="KRW",
        price_minor=price,
        credit_minor=draw(st.integers(0, price)),
        fee_minor=draw(st.integers(0, price)),
        pool_minor=draw(st.integers(0, price)),
    )


BILLS = st.lists(orders(), min_size=1, max_size=4)


def parts_after(begun: list[Order], lines: Iterable[Line]) -> Parts:
    left: dict[uuid.UUID, Counter[AccountKind]] = {order.pk: Counter() for order in begun}
    for line in lines:
        if line.order_id is not None:
            left[line.order_id][line.account.kind] -= line.amount_minor
    return Parts({order.pk: order for order in begun}, {key: dict(v) for key, v in left.items()})


def total(lines: Iterable[Line]) -> int:
    return sum(line.amount_minor for line in lines)


@given(BILLS, st.integers(0, 10_000))
def test_a_sale_is_cut_without_rest_and_nobody_gets_less_than_nothing(
    begun: list[Order], tax_bps: int
) -> None:
    cash = sum(order.cash.minor for order in begun)
    tax = cash * tax_bps // 10_000

    lines = charge_lines(begun, tax_minor=tax)

    assert total(lines) == 0
    for order in begun:
        own = [line for line in lines if line.order_id == order.pk]
        assert -total(own) == order.price_minor
        assert all(line.amount_minor < 0 for line in own)
    by_kind: Counter[AccountKind] = Counter()
    for line in lines:
        by_kind[line.account.kind] += line.amount_minor
    assert by_kind[AccountKind.CLEARING] == cash
    assert by_kind[AccountKind.TAX] == -tax


@given(orders(), st.lists(MONEY, max_size=6), st.integers(0, 10_000))
def test_parts_of_a_refund_leave_nothing_when_all_is_back(
    order: Order, wishes: list[int], tax_bps: int
) -> None:
    lines = charge_lines([order], tax_minor=order.cash.minor * tax_bps // 10_000)
    booked = list(lines)
    left = order.price_minor
    for wish in [*wishes, left]:
        minor = min(wish, left)
        taken = parts_after([order], booked).take(order.pk, minor)

        assert total(taken) == minor
        assert all(line.amount_minor > 0 for line in taken)
        booked += taken
        left -= minor
        standing = parts_after([order], booked).left[order.pk]
        assert all(part >= 0 for part in standing.values())
    taken = parts_after([order], booked).take(order.pk, left)

    standing = parts_after([order], [*booked, *taken]).left[order.pk]
    assert not any(standing.values())


@given(orders(), st.integers(1, 10**8))
def test_what_the_parts_do_not_have_any_more_the_seller_bears(order: Order, more: int) -> None:
    lines = charge_lines([order], tax_minor=0)

    taken = parts_after([order], lines).take(order.pk, order.price_minor + more)

    standing = parts_after([order], [*lines, *taken]).left[order.pk]
    assert {kind: part for kind, part in standing.items() if part} == {AccountKind.SELLER: -more}


@given(BILLS, st.integers(0, 10_000))
def test_a_refund_without_an_order_takes_of_each_what_was_paid_in_cash(
    begun: list[Order], share: int
) -> None:
    cash = {order.pk: order.cash.minor for order in begun}
    minor = sum(cash.values()) * share // 10_000
    lines = charge_lines(begun, tax_minor=0)

    taken = parts_after(begun, lines).take_of_all(minor)

    assert total(taken) == minor
    for order in begun:
        own = total(line for line in taken if line.order_id == order.pk)
        exact = cash[order.pk] * share / 10_000
        assert abs(own - exact) <= 2
        assert own <= cash[order.pk]
