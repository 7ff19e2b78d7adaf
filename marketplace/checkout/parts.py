"""Who has what of a sale: the seller, the platform's fee, tax, and the delivery pool.

A sale is cut when it is booked; what goes back is taken from the parts in proportion to what
each has left, so that all of it back leaves nothing anywhere. What Stripe kept of the payment
is no part: the platform bears it. What the pool has given as credit by then nobody gives back.
Of a refund the seller bears it, since a refund is a seller's choice, and one who is in league with
buyer and deliverer must not have the platform pay for it; of what a bank takes the platform does.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from marketplace.core.shares import spread
from marketplace.ledger import queries as books
from marketplace.ledger.types import AccountKind, AccountName, Entry, Line, chart, name_of
from marketplace.orders.types import Order

__all__ = ["Parts", "charge_lines", "reversed_lines"]

_K = AccountKind
# The last is a part that the platform has to stand in for: what was given as rewards already.
_KINDS = (_K.SELLER, _K.PLATFORM_FEES, _K.TAX, _K.POOL, _K.REWARDS, _K.REWARD_LOSSES)


def charge_lines(begun: Sequence[Order], *, tax_minor: int) -> list[Line]:
    """The lines of a paid bill. `tax_minor` is included in what was paid in cash.

    None where nothing was paid at all.
    """
    taxes = spread(tax_minor, [order.cash.minor for order in begun]) if tax_minor else ()
    lines: list[Line] = []
    for index, order in enumerate(begun):
        lines += _sale(order, tax_minor=taxes[index] if taxes else 0)
    currency = begun[0].currency
    cash = sum(order.cash.minor for order in begun)
    credit = sum(order.credit_minor for order in begun)
    lines.append(Line(chart.clearing(currency), cash))
    lines.append(Line(chart.credit_held(begun[0].bill_id, currency), credit))
    return [line for line in lines if line.amount_minor]


def _sale(order: Order, *, tax_minor: int) -> list[Line]:
    """How the price of one order is cut; the seller has what the others leave."""
    left = order.price_minor
    lines = []
    for account, wanted in (
        (chart.tax(order.currency), tax_minor),
        (chart.platform_fees(order.currency), order.fee_minor),
        (chart.pool(order.pk, order.currency), order.pool_minor),
        (chart.seller(order.listing.seller_id, order.currency), left),
    ):
        part = min(wanted, left)
        left -= part
        lines.append(Line(account, -part, order.pk))
    return lines


@dataclass(slots=True)
class Parts:
    """What is left of some orders of one bill, by order and kind, as the ledger has it now."""

    orders: dict[uuid.UUID, Order]
    left: dict[uuid.UUID, dict[AccountKind, int]]

    @classmethod
    def of(cls, begun: Sequence[Order], *, by_bank: bool = False) -> Parts:
        """Read what the orders have left, to be refunded, or taken by a bank (`by_bank`)."""
        orders = {order.pk: order for order in begun}
        left = books.order_parts(list(orders), _KINDS)
        gives = books.rewards_given(list(orders))
        for order_id, kinds in left.items():
            borne = kinds.get(_K.REWARD_LOSSES, 0)
            kinds[_K.REWARD_LOSSES] = gives.get(order_id, 0) - borne if by_bank else 0
        return cls(orders, left)

    def take(self, order_id: uuid.UUID, minor: int) -> list[Line]:
        """Lines (debits) that take `minor` back from an order's parts.

        What the parts do not have any more, as what was given to deliverers, the seller bears.
        """
        order = self.orders[order_id]
        had = self.left.get(order_id, {})
        weights = [max(0, had.get(kind, 0)) for kind in _KINDS]
        there = min(minor, sum(weights))
        shares = dict(zip(_KINDS, spread(there, weights), strict=True))
        shares[AccountKind.SELLER] += minor - there
        return [
            Line(self._account(order, kind), share, order_id)
            for kind, share in shares.items()
            if share
        ]

    def take_of_all(self, minor: int) -> list[Line]:
        """The same from all orders together, by what was paid in cash and is left of each."""
        order_ids = list(self.orders)
        weights = [self._cash_left(order_id) for order_id in order_ids]
        if sum(weights) < minor:
            weights = [self.orders[order_id].cash.minor for order_id in order_ids]
        shares = spread(minor, weights)
        return [
            line
            for order_id, share in zip(order_ids, shares, strict=True)
            if share
            for line in self.take(order_id, share)
        ]

    def _cash_left(self, order_id: uuid.UUID) -> int:
        there = sum(max(0, part) for part in self.left.get(order_id, {}).values())
        return min(there, self.orders[order_id].cash.minor)

    @staticmethod
    def _account(order: Order, kind: AccountKind) -> AccountName:
        if kind == AccountKind.SELLER:
            return chart.seller(order.listing.seller_id, order.currency)
        if kind == AccountKind.POOL:
            return chart.pool(order.pk, order.currency)
        by_currency = {
            _K.TAX: chart.tax,
            _K.PLATFORM_FEES: chart.platform_fees,
            _K.REWARDS: chart.rewards,
            _K.REWARD_LOSSES: chart.reward_losses,
        }
        return by_currency[kind](order.currency)


def reversed_lines(entry: Entry) -> list[Line]:
    """The lines that undo an entry.

    Credit that was given by it may be spent by now: the shop bears what is missing.
    """
    lines: list[Line] = []
    for posting in entry.postings.all():
        account = name_of(posting.account)
        back = -posting.amount_minor
        if account.kind == AccountKind.CREDIT and back > 0:
            there = min(back, books.balance(account).minor)
            lines.append(Line(chart.credit_granted(account.currency), back - there))
            back = there
        lines.append(Line(account, back, posting.order_id))
    return [line for line in lines if line.amount_minor]
