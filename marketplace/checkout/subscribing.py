"""Subscriptions from the page of a listing to their end.

`settle_subscription` is the one way from Stripe to our orders: the webhook, the return page
and the sweep all come through it, as often as they like. Each paid invoice becomes an order
on a bill of its own, so that books, receipts, refunds and disputes are those of any other
order; what an order of a period gives and takes stands in periods.py.
"""

from __future__ import annotations

import datetime as dt
import logging
import uuid

from django.conf import settings
from django.db import transaction
from django.urls import reverse
from django.utils.translation import gettext as _

from marketplace.accounts.types import User
from marketplace.catalog import queries as catalog
from marketplace.catalog.errors import ListingNotFoundError
from marketplace.catalog.types import Listing
from marketplace.checkout import consequences
from marketplace.checkout.errors import AlreadySubscribedError, TermsChangedError
from marketplace.checkout.mails import mail_payment_failed
from marketplace.checkout.settling import settle_bill
from marketplace.checkout.types import StartedSubscription
from marketplace.core.fees import delivery_pool, platform_fee
from marketplace.core.money import Money
from marketplace.licensing import queries as licensing_queries
from marketplace.licensing import services as licensing
from marketplace.orders import queries as order_queries
from marketplace.orders import services as orders
from marketplace.orders.types import Line, Order
from marketplace.payments import queries as payment_queries
from marketplace.payments import services as payments
from marketplace.payments.errors import PaymentClosedError, PaymentRefusedError
from marketplace.payments.types import Offer, Subscription, SubscriptionWish

__all__ = [
    "listing_to_subscribe",
    "own_subscription",
    "pay_owed",
    "settle_order",
    "settle_subscription",
    "standing_subscription",
    "start_subscription",
    "subscription_token",
    "sweep_subscriptions",
    "wish",
]

logger = logging.getLogger(__name__)

_ATTEMPTS = 4  # an old page may have to be closed first, and a rival may be doing the same
# The bridge over a renewal is laid before the period ends, so that no device goes dark at its end.
AHEAD = dt.timedelta(hours=2)
_State = Subscription.State
_Order = Order.State


def listing_to_subscribe(listing_id: uuid.UUID, buyer: User) -> Listing:
    """The subscription that is on offer. Raises ListingNotFoundError, also for what is none."""
    listing = catalog.listing_for_view(listing_id, buyer)
    if not listing.is_subscription:
        raise ListingNotFoundError(str(listing_id))
    return listing


def subscription_token(listing: Listing) -> str:
    """The terms in one word: a form carries it to say which terms the buyer saw."""
    return f"{order_queries.terms_of(listing).token}:{listing.interval}"


def start_subscription(
    *,
    buyer: User,
    listing_id: uuid.UUID,
    seen: str,
    site: str,
    language: str,
    now: dt.datetime,
) -> StartedSubscription:
    """Begin to subscribe: one order and one hosted page, however often it is pressed.

    `seen` is the token of the page that the buyer pressed; `site` the origin that they came
    by and return to. Raises ListingNotFoundError, OwnListingError, AlreadySubscribedError,
    TermsChangedError, PaymentsUnavailableError, PaymentRefusedError; then nothing was charged.
    """
    listing = listing_to_subscribe(listing_id, buyer)
    for _attempt in range(_ATTEMPTS):
        order = _pending(buyer, listing, now=now)
        if seen != subscription_token(listing):
            raise TermsChangedError(
                _(
                    "The seller changed this subscription while you were looking at it. Nothing"
                    " was charged; look again, then go on."
                )
            )
        if order is None:
            order = _open(buyer, listing, language, now=now)
        if order is None:
            continue  # a rival was first; the next round finds theirs
        try:
            return StartedSubscription(order, _page_url(order, listing, site, now=now))
        except PaymentClosedError:
            settle_order(order, now=now)  # it ended in this moment; the next round finds out how
        except PaymentRefusedError:
            consequences.expire(order.bill, now=now)
            raise
    raise TermsChangedError(_("This listing is changing right now. Try again in a moment."))


def _pending(buyer: User, listing: Listing, *, now: dt.datetime) -> Order | None:
    """The order that is under way for just this; what was begun on other terms is closed first."""
    order = order_queries.live_order(buyer, listing.pk)
    if order is not None:
        order = settle_order(order, now=now)
    if order is not None and order.state == _Order.PAID and not order.spent:
        raise AlreadySubscribedError(order.pk)
    if licensing_queries.owns(buyer, listing.pk):
        raise AlreadySubscribedError(None)
    if order is None or order.state != _Order.PENDING:
        return None
    begun = payment_queries.subscription_of_order(order.pk)
    same = order_queries.terms_of(order) == order_queries.terms_of(listing)
    if same and (begun is None or begun.interval == listing.interval):
        return order
    if begun is None:
        consequences.expire(order.bill, now=now)
        return None
    payments.close_subscription_page(subscription_id=begun.pk, now=now)
    if settle_order(order, now=now).state == _Order.PAID:
        raise AlreadySubscribedError(order.pk)
    return None


def _open(buyer: User, listing: Listing, language: str, *, now: dt.datetime) -> Order | None:
    terms = order_queries.terms_of(listing)
    nothing = Money(0, terms.price.currency)
    fee = platform_fee(terms.price)
    line = Line(
        listing=listing,
        terms=terms,
        discount=nothing,
        credit=nothing,
        fee=fee,
        pool=delivery_pool(terms.price, fee=fee, bps=listing.pool_bps),
        kind=Order.Kind.SUBSCRIPTION,
    )
    with transaction.atomic():
        bill = orders.open_bill(buyer=buyer, lines=[line], language=language)
        if bill is None:
            return None
        consequences.opened(bill, now=now)
    return order_queries.live_order(buyer, listing.pk)


def _page_url(order: Order, listing: Listing, site: str, *, now: dt.datetime) -> str:
    begun = payments.start_subscription(
        order_id=order.pk,
        offer=Offer(order.title, order.price, listing.interval),
        email=order.buyer.email,
        success_url=site + reverse("checkout:subscription", args=[order.pk]),
        cancel_url=f"{site}{reverse('checkout:subscribe', args=[listing.pk])}?cancelled=1",
        now=now,
    )
    return begun.checkout_url


def settle_order(order: Order, *, now: dt.datetime) -> Order:
    """Bring the order that began a subscription to where that stands at Stripe."""
    begun = payment_queries.subscription_of_order(order.pk)
    if begun is not None:
        settle_subscription(subscription_id=begun.pk, now=now)
    return order_queries.order_by_id(order.pk)


def settle_subscription(*, subscription_id: uuid.UUID, now: dt.datetime) -> Subscription:
    """Read at Stripe how a subscription stands, and do what follows from it.

    Raises PaymentsUnavailableError, PaymentMismatchError; then nothing was changed, or a
    part that is whole in itself.
    """
    begun = payments.carry_out_wish(subscription_id=subscription_id, now=now)
    for invoice in payment_queries.undelivered_invoices(begun.pk):
        _give_order(invoice.pk, now=now)
    # Also where a rival has given the order, and is not yet, or never came, so far as to settle it.
    paid = payment_queries.orders_of_subscription(begun.pk)
    orders_of = order_queries.orders_by_id(paid)
    for order_id in paid:
        if orders_of[order_id].state in (_Order.PENDING, _Order.EXPIRED):
            settle_bill(bill_id=orders_of[order_id].bill_id, now=now)
    first = order_queries.order_by_id(begun.order_id)
    if begun.state == _State.EXPIRED:
        consequences.expire(first.bill, now=now)
    elif begun.state == _State.ENDED:
        _let_go(first)
    else:
        _bridge(begun, now=now)
    _tell_of_failure(begun, first)
    return begun


@transaction.atomic
def _give_order(invoice_id: uuid.UUID, *, now: dt.datetime) -> None:
    """Give a paid invoice its order: the one that began it all, or a new one."""
    invoice = payments.lock_invoice(invoice_id)
    if invoice.order_id is not None:
        return
    first = order_queries.order_by_id(invoice.subscription.order_id)
    if payment_queries.invoice_of_order(first.pk) is None:
        order = first
    else:
        amount = Money(invoice.amount_minor, invoice.currency)
        fee = platform_fee(amount)
        pool = delivery_pool(amount, fee=fee, bps=first.listing.pool_bps)
        order = orders.open_renewal(first=first, amount=amount, fee=fee, pool=pool)
    invoice.order_id = order.pk
    invoice.save(update_fields=["order_id"])
    payments.take_payment(invoice=invoice, bill_id=order.bill_id, now=now)


@transaction.atomic
def _let_go(first: Order) -> None:
    """It has ended: its buyer may subscribe anew."""
    order = orders.lock_order(first.pk)
    if order.state == _Order.PAID and not order.spent:
        orders.mark_spent(order_id=order.pk)


def _bridge(begun: Subscription, *, now: dt.datetime) -> None:
    """Let it go on opening for a while, where a renewal is due that is not paid yet."""
    paid_until = payment_queries.paid_until(begun.pk)
    ends = begun.cancel_at_period_end and begun.state == _State.ACTIVE
    if paid_until is None or ends or now < paid_until - AHEAD:
        return
    licensing.bridge(
        orders=payment_queries.orders_of_subscription(begun.pk),
        until=paid_until + settings.SUBSCRIPTION_GRACE,
        source=f"bridge:{begun.pk}:{paid_until.isoformat()}",
        now=now,
    )


def _tell_of_failure(begun: Subscription, first: Order) -> None:
    """Write to the buyer once for each renewal that their card did not pay."""
    owed = payment_queries.owed_invoice(begun.pk)
    if owed is None or begun.state not in (_State.PAST_DUE, _State.ENDED):
        return
    with transaction.atomic():
        if payments.told_of_failure(invoice_id=owed.pk):
            mail_payment_failed(first, owed, ended=begun.state == _State.ENDED)


def standing_subscription(
    buyer: User, listing_id: uuid.UUID
) -> tuple[Order, Subscription | None] | None:
    """The subscription to a listing that the buyer has, and its first order, if they have one."""
    order = order_queries.live_order(buyer, listing_id)
    if order is None or order.state != _Order.PAID or order.spent:
        return None
    return order, payment_queries.subscription_of_order(order.pk)


def own_subscription(buyer: User, order_id: uuid.UUID) -> tuple[Order, Subscription | None]:
    """A subscription of `buyer`, by the order that began it; None until a page was opened.

    Raises OrderNotFoundError, also where it is another's, or an order of another kind.
    """
    order = order_queries.subscription_order_of(buyer, order_id)
    return order, payment_queries.subscription_of_order(order.pk)


def wish(*, buyer: User, order_id: uuid.UUID, cancel: bool, now: dt.datetime) -> Subscription:
    """Let it end with the period that is paid, or go on after all.

    Raises OrderNotFoundError, AlreadyEndedError, PaymentsUnavailableError: then the wish is
    kept, and Stripe is told as soon as it answers.
    """
    order, begun = own_subscription(buyer, order_id)
    if begun is None or begun.state not in (_State.ACTIVE, _State.PAST_DUE):
        raise PaymentClosedError(_("This subscription is over, so there is nothing to change."))
    kind = SubscriptionWish.CANCEL if cancel else SubscriptionWish.KEEP
    if cancel and begun.state == _State.PAST_DUE:
        kind = SubscriptionWish.END  # nothing is paid of the period that runs
    payments.wish_for(subscription_id=begun.pk, wish=kind)
    begun = settle_subscription(subscription_id=begun.pk, now=now)
    if begun.state == _State.ENDED:
        raise PaymentClosedError(
            _("The subscription to “%(title)s” ended in the meantime. Nothing more is charged.")
            % {"title": order.title}
        )
    return begun


def pay_owed(*, buyer: User, order_id: uuid.UUID) -> str:
    """Where the buyer pays what their card did not; "" where nothing is owed."""
    _order, begun = own_subscription(buyer, order_id)
    return "" if begun is None else payments.pay_page(subscription_id=begun.pk)


def sweep_subscriptions(*, now: dt.datetime) -> list[uuid.UUID]:
    """Those that may have moved without our hearing of it, or whose renewal is near.

    It cancels those whose buyer or seller has closed their account.
    """
    running = payment_queries.going_on()
    for order_id in order_queries.orders_of_the_gone(running.keys()):
        # Nobody pays on for a seller, or as a buyer, who is gone. What is paid goes on opening.
        payments.wish_for(subscription_id=running[order_id], wish=SubscriptionWish.CANCEL)
    due = payment_queries.renewing(now=now, ahead=AHEAD)
    return sorted({*payment_queries.unsettled_subscriptions(now=now), *due})
