"""What must be true when a schedule has calmed down, told from Stripe's own objects alone.

The model: an order stands exactly where its money is. It is written down here a second
time, simply, and compared with what the services made of the same events in their order.
"""

from __future__ import annotations

from collections.abc import Iterator

import stripe

from marketplace.ledger import queries as books
from marketplace.ledger import services as ledger
from marketplace.ledger.types import AccountKind
from marketplace.licensing.models import Entitlement
from marketplace.orders.models import Bill, Order
from marketplace.payments.models import Payment, Refund
from tests.marketplace.money.promises import credit_back, credit_of, promised
from tests.marketplace.money.scene import Scene

__all__ = ["deviations"]

_PARTS = (
    AccountKind.SELLER,
    AccountKind.PLATFORM_FEES,
    AccountKind.POOL,
    AccountKind.REWARDS,
)
_OPEN_DISPUTE = ("needs_response", "under_review")


def deviations(scene: Scene) -> list[str]:
    """Each deviation from the model as a sentence; none where all is well."""
    return [
        *(found for bill in scene.bills() for found in _of_bill(scene, bill)),
        *_charged_twice(scene),
        *promised(scene),
        *ledger.faults(),
    ]


def _of_bill(scene: Scene, bill: Bill) -> Iterator[str]:
    payment = Payment.objects.filter(bill_id=bill.pk).first()
    orders = list(bill.orders.all())
    if payment is not None and payment.amount_minor == 0:
        yield from _of_paid_by_credit(payment, orders)
        return
    if payment is None or payment.session_id is None:
        for order in orders:
            if order.state not in ("pending", "expired"):
                yield f"{order.number} is {order.state}, and nobody was ever asked to pay it"
        return
    session = scene.till.sdk.v1.checkout.sessions.retrieve(
        payment.session_id, {"expand": ["payment_intent.latest_charge"]}
    )
    intent = session.payment_intent
    assert not isinstance(intent, str)
    if session.payment_status != "paid" or intent is None:
        failed = intent is not None and intent.status in ("requires_payment_method", "canceled")
        ended = session.status == "expired" or (session.status == "complete" and failed)
        for order in orders:
            if order.state != ("expired" if ended else "pending"):
                yield f"{order.number} is {order.state}; its page is {session.status}, not paid"
        return
    assert not isinstance(intent.latest_charge, str)
    yield from _of_paid(scene, payment, orders, intent.id)


def _of_paid_by_credit(payment: Payment, orders: list[Order]) -> Iterator[str]:
    """Stripe never heard of it: what goes back is what was asked for, at once."""
    yield from _of_books(payment, orders, 0)
    for order in orders:
        wanted = "refunded" if credit_of(order) >= order.price_minor else "paid"
        if order.state != wanted:
            yield f"{order.number} is {order.state}, and should be {wanted}"
        yield from _of_access(order, asked=False)


def _of_paid(scene: Scene, payment: Payment, orders: list[Order], intent: str) -> Iterator[str]:
    refunds = scene.till.sdk.v1.refunds.list({"payment_intent": intent, "limit": 100}).data
    done = [refund for refund in refunds if refund.status == "succeeded"]
    disputes = scene.till.sdk.v1.disputes.list({"payment_intent": intent, "limit": 100}).data
    lost = any(dispute.status == "lost" for dispute in disputes)
    asked = any(dispute.status in _OPEN_DISPUTE for dispute in disputes)
    # All of the cash back by the dashboard means all; from our own pages it may be a part.
    by_hand = any("refund" not in _metadata(refund) for refund in done)
    all_back = by_hand and sum(refund.amount for refund in done) >= payment.amount_minor
    yield from _of_books(
        payment,
        orders,
        sum(refund.amount for refund in refunds if refund.status in ("succeeded", "pending"))
        + sum(case.amount for case in disputes if case.status in ("lost", *_OPEN_DISPUTE)),
    )
    for order in orders:
        ours = [r.amount for r in done if _order_of(r, payment) == order.pk]
        if lost:
            wanted = {"charged_back", "refunded"} if ours or all_back else {"charged_back"}
        elif (all_back and order.cash.minor) or sum(ours) + credit_of(order) >= order.price_minor:
            wanted = {"refunded"}
        else:
            wanted = {"paid"}
        if order.state not in wanted:
            yield f"{order.number} is {order.state}, and should be {' or '.join(sorted(wanted))}"
        back = sum(ours) + credit_of(order)
        if order.state == "paid" and order.refunded_minor != back:
            yield f"{order.number} says {order.refunded_minor} went back; {back} did"
        yield from _of_access(order, asked=asked)


def _metadata(refund: stripe.Refund) -> dict[str, str]:
    return refund.metadata.to_dict() if refund.metadata else {}


def _order_of(refund: object, payment: Payment) -> object:
    row = Refund.objects.filter(stripe_id=getattr(refund, "id", "")).first()
    return row.order_id if row else payment.sole_order_id


def _of_access(order: Order, *, asked: bool) -> Iterator[str]:
    entitlement = Entitlement.objects.filter(order_id=order.pk).first()
    state = entitlement.state if entitlement else "none"
    match order.state:
        case "paid":
            wanted = {"suspended"} if asked else {"active"}
        case "refunded":
            wanted = {"revoked", "none"}
        case _:
            wanted = {"charged_back", "revoked", "none"}
    if state not in wanted:
        yield f"{order.number} is {order.state}, and its entitlement is {state}"


def _of_books(payment: Payment, orders: list[Order], gone: int) -> Iterator[str]:
    """What left Stripe's balance, or is about to, is what seller, platform and pool have less.

    What deliverers were given of it stays theirs: the platform stands in for that.
    """
    pks = [order.pk for order in orders]
    parts = books.order_parts(pks, _PARTS)
    left = sum(minor for of_order in parts.values() for minor in of_order.values())
    borne = books.order_parts(pks, [AccountKind.REWARD_LOSSES])
    left -= sum(minor for of_order in borne.values() for minor in of_order.values())
    left += sum(books.rewards_given(pks).values())
    numbers = ", ".join(order.number for order in orders)
    credit = sum(order.credit_minor - credit_back(order) for order in orders)
    if left != payment.amount_minor - gone + credit:
        yield (
            f"of {numbers} {gone} is gone, {credit} of credit is spent, and seller, platform and"
            f" pool have {left} left"
        )
    for order in orders:
        for kind in (AccountKind.POOL, AccountKind.REWARDS):
            minor = parts.get(order.pk, {}).get(kind, 0)
            if minor < 0 or (minor and order.state in ("refunded", "charged_back")):
                yield f"{order.number} is {order.state} and has {minor} left of its {kind}"


def _charged_twice(scene: Scene) -> Iterator[str]:
    for buyer in scene.buyers:
        for listing in scene.listings:
            standing = Order.objects.filter(buyer=buyer, listing=listing, state="paid").count()
            if standing > 1:
                yield f"{buyer.email} has paid {standing} times for {listing.title}"
