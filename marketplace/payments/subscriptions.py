"""Beginning, reading and ending subscriptions, by the pattern of services.py.

What is meant is written down, Stripe is asked without a transaction, and the answer is
recorded. A crash in between is mended by doing it again.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import uuid

from django.db import transaction
from django.db.models import F
from django.utils.translation import gettext as _

from marketplace.payments import gateway_billing as gateway
from marketplace.payments.errors import (
    PaymentClosedError,
    PaymentMismatchError,
    PaymentRefusedError,
    SessionNotOpenError,
    SubscriptionEndedError,
    SubscriptionNotFoundError,
)
from marketplace.payments.models import Payment, StripeEvent
from marketplace.payments.subscription_models import Subscription, SubscriptionInvoice
from marketplace.payments.subscription_states import (
    merge_invoice,
    merge_subscription,
    reported_page,
    reported_subscription,
)
from marketplace.payments.subscription_types import (
    InvoiceSnapshot,
    Offer,
    PageSnapshot,
    SubscriptionSnapshot,
)

__all__ = [
    "PAGE_LIFETIME",
    "carry_out_wish",
    "close_subscription_page",
    "lock_invoice",
    "pay_page",
    "refresh_subscription",
    "start_subscription",
    "subscription_of_event",
    "take_payment",
    "told_of_failure",
    "wish_for",
]

PAGE_LIFETIME = dt.timedelta(hours=1)  # Stripe takes 30 minutes to 24 hours
_State = Subscription.State
_Wish = Subscription.Wish
_EVENTS = frozenset(
    {
        "checkout.session.completed",
        "checkout.session.expired",
        "customer.subscription.created",
        "customer.subscription.deleted",
        "customer.subscription.updated",
        "invoice.created",
        "invoice.finalized",
        "invoice.marked_uncollectible",
        "invoice.paid",
        "invoice.payment_action_required",
        "invoice.payment_failed",
        "invoice.voided",
    }
)


_TOLD_BY_STRIPE = (
    "number", "state", "amount_minor", "currency", "tax_minor", "buyer_country", "buyer_tax_id",
    "period_start", "period_end", "next_attempt_at", "page_url", "payment_intent_id",
)  # fmt: skip


def start_subscription(
    *,
    order_id: uuid.UUID,
    offer: Offer,
    email: str,
    success_url: str,
    cancel_url: str,
    now: dt.datetime,
) -> Subscription:
    """The hosted page on which a subscription begins; asked again, the same page.

    Raises PaymentClosedError where it has begun or expired already, PaymentsUnavailableError
    (asking again is safe), and PaymentRefusedError (it is over).
    """
    begun, _created = Subscription.objects.get_or_create(
        order_id=order_id,
        defaults={
            "amount_minor": offer.amount.minor,
            "currency": offer.amount.currency,
            "interval": offer.interval,
            "expires_at": now + PAGE_LIFETIME,
        },
    )
    if begun.state == _State.OPEN:
        return begun
    if begun.state != _State.STARTING:
        raise PaymentClosedError(_("This payment is over. Start again from the listing."))
    try:
        page = gateway.create_page(
            subscription_id=begun.pk,
            offer=offer,
            email=email,
            success_url=success_url,
            cancel_url=cancel_url,
            expires_at=begun.expires_at,
        )
    except PaymentRefusedError:
        _expire(begun.pk)
        raise
    begun = _record_page(begun.pk, page)
    if begun.state != _State.OPEN:  # it was ended while Stripe was asked
        raise PaymentClosedError(_("This payment is over. Start again from the listing."))
    return begun


def refresh_subscription(*, subscription_id: uuid.UUID, now: dt.datetime) -> Subscription:
    """Read at Stripe what became of the subscription and its invoices, and record it.

    Raises SubscriptionNotFoundError, PaymentsUnavailableError, PaymentMismatchError.
    """
    begun = _by_id(subscription_id)
    if begun.stripe_id is None and begun.session_id is None:
        # Stripe never told us a page, so nobody has seen one.
        if begun.expires_at <= now:
            _expire(begun.pk)
        return _by_id(subscription_id)
    if begun.stripe_id is None:
        assert begun.session_id is not None
        begun = _record_page(begun.pk, gateway.retrieve_page(begun.session_id))
    if begun.stripe_id is None:
        return begun
    question = _next_question(begun.pk)
    found = gateway.retrieve_subscription(begun.stripe_id)
    invoices = gateway.list_invoices(begun.stripe_id)
    return _record(begun.pk, found, invoices, question=question)


def close_subscription_page(*, subscription_id: uuid.UUID, now: dt.datetime) -> Subscription:
    """Make sure that the hosted page cannot be paid any more; paid already, that is recorded.

    Raises PaymentsUnavailableError.
    """
    begun = _by_id(subscription_id)
    if begun.session_id is None:
        _expire(begun.pk)
        return _by_id(subscription_id)
    with contextlib.suppress(SessionNotOpenError):
        gateway.close_page(begun.session_id)
    return refresh_subscription(subscription_id=subscription_id, now=now)


def wish_for(*, subscription_id: uuid.UUID, wish: str) -> None:
    """Write down what Stripe is to be told; `carry_out_wish` tells it.

    To end at once outranks what else was wished for.
    """
    rows = Subscription.objects.filter(pk=subscription_id).exclude(state=_State.ENDED)
    if wish != _Wish.END:
        rows = rows.exclude(wish=_Wish.END)
    rows.update(wish=wish)


def carry_out_wish(*, subscription_id: uuid.UUID, now: dt.datetime) -> Subscription:
    """Tell Stripe what was wished for, and record what it says. Safe to repeat.

    Raises PaymentsUnavailableError: then the wish stays, and the sweep repeats it.
    """
    begun = _by_id(subscription_id)
    if begun.stripe_id is not None and begun.wish:
        # Over already: there is nothing left to change, and the answer says so.
        with contextlib.suppress(SubscriptionEndedError):
            if begun.wish == _Wish.END:
                gateway.end_now(begun.stripe_id)
            else:
                ends = begun.wish == _Wish.CANCEL
                gateway.set_cancel_at_period_end(begun.stripe_id, ends=ends)
        # Another wish that came meanwhile is not forgotten with this one.
        Subscription.objects.filter(pk=begun.pk, wish=begun.wish).update(wish=_Wish.NONE)
    return refresh_subscription(subscription_id=subscription_id, now=now)


def pay_page(*, subscription_id: uuid.UUID) -> str:
    """Where what is owed is paid by another card, which is charged from then on; "" for nothing.

    Raises PaymentsUnavailableError.
    """
    begun = _by_id(subscription_id)
    owed = begun.invoices.filter(state=SubscriptionInvoice.State.OPEN).last()
    if owed is None or begun.stripe_id is None:
        return ""
    # What is over charges nothing any more, so there is no card to keep.
    with contextlib.suppress(SubscriptionEndedError):
        gateway.keep_card_on_payment(begun.stripe_id)
    return owed.page_url


def take_payment(*, invoice: SubscriptionInvoice, bill_id: uuid.UUID, now: dt.datetime) -> None:
    """Record that the bill of an invoice's order is paid by that invoice.

    The caller holds the invoice's lock. What Stripe kept of it is read later.
    """
    Payment.objects.get_or_create(
        bill_id=bill_id,
        defaults={
            "sole_order_id": invoice.order_id,
            "amount_minor": invoice.amount_minor,
            "currency": invoice.currency,
            "state": Payment.State.SUCCEEDED,
            "payment_intent_id": invoice.payment_intent_id or None,
            "tax_minor": invoice.tax_minor,
            "buyer_country": invoice.buyer_country,
            "buyer_tax_id": invoice.buyer_tax_id,
            "expires_at": now,
        },
    )


def told_of_failure(*, invoice_id: uuid.UUID) -> bool:
    """Note that the buyer is told that an invoice is not paid. Returns whether that is news."""
    rows = SubscriptionInvoice.objects.filter(pk=invoice_id, told=False)
    return rows.update(told=True) == 1


def lock_invoice(invoice_id: uuid.UUID) -> SubscriptionInvoice:
    """Hold an invoice's row until the transaction ends."""
    rows = SubscriptionInvoice.objects.select_for_update(of=("self",))
    return rows.select_related("subscription").get(pk=invoice_id)


def subscription_of_event(received: StripeEvent) -> uuid.UUID | None:
    """The subscription that an event is about; None where it is about none of ours.

    It may have to ask Stripe: a renewal can be heard of before the answer that named the
    subscription was kept. Raises PaymentsUnavailableError.
    """
    about = received.object_id
    if received.type not in _EVENTS or not about:
        return None
    if about.startswith("cs_"):
        known = Subscription.objects.filter(session_id=about).first()
        return known.pk if known else _of_reference(gateway.retrieve_page(about).reference)
    if not about.startswith("sub_"):
        return None
    known = Subscription.objects.filter(stripe_id=about).first()
    if known is not None:
        return known.pk
    found = gateway.retrieve_subscription(about)
    ours = _of_reference(found.reference)
    if ours is not None:
        Subscription.objects.filter(pk=ours, stripe_id=None).update(stripe_id=found.id)
    return ours


def _of_reference(reference: str) -> uuid.UUID | None:
    try:
        wanted = uuid.UUID(reference)
    except ValueError:
        return None
    return wanted if Subscription.objects.filter(pk=wanted).exists() else None


def _by_id(subscription_id: uuid.UUID) -> Subscription:
    try:
        return Subscription.objects.get(pk=subscription_id)
    except Subscription.DoesNotExist:
        raise SubscriptionNotFoundError(str(subscription_id)) from None


def _lock(subscription_id: uuid.UUID) -> Subscription:
    return Subscription.objects.select_for_update().get(pk=subscription_id)


def _next_question(subscription_id: uuid.UUID) -> int:
    with transaction.atomic():
        Subscription.objects.filter(pk=subscription_id).update(asked=F("asked") + 1)
        return Subscription.objects.values_list("asked", flat=True).get(pk=subscription_id)


@transaction.atomic
def _expire(subscription_id: uuid.UUID) -> None:
    begun = _lock(subscription_id)
    if begun.session_id is None:  # else Stripe's answer came in meanwhile, and counts
        begun.state = merge_subscription(begun.state, _State.EXPIRED, newest=False)
        begun.save(update_fields=["state", "updated_at"])


@transaction.atomic
def _record_page(subscription_id: uuid.UUID, page: PageSnapshot) -> Subscription:
    begun = _lock(subscription_id)
    if page.reference != str(begun.pk):
        raise PaymentMismatchError(
            f"page {page.id} was made for “{page.reference}”, not for {begun.pk}"
        )
    expected = (begun.amount_minor, begun.currency)
    if (page.amount_minor, page.currency) != expected:
        raise PaymentMismatchError(
            f"subscription {begun.pk} is about {expected}, page {page.id} about"
            f" {(page.amount_minor, page.currency)}"
        )
    begun.session_id = page.id
    begun.checkout_url = page.url or begun.checkout_url
    begun.stripe_id = page.subscription_id or begun.stripe_id
    begun.state = merge_subscription(begun.state, reported_page(page), newest=False)
    begun.save()
    return begun


@transaction.atomic
def _record(
    subscription_id: uuid.UUID,
    found: SubscriptionSnapshot,
    invoices: list[InvoiceSnapshot],
    *,
    question: int,
) -> Subscription:
    begun = _lock(subscription_id)
    newest = question > begun.answered
    begun.state = merge_subscription(begun.state, reported_subscription(found), newest=newest)
    begun.period_end = max(begun.period_end or found.period_end, found.period_end)
    begun.ended_at = begun.ended_at or found.ended_at
    if newest:
        begun.cancel_at_period_end = found.cancel_at_period_end
        begun.answered = question
    begun.save()
    for invoice in invoices:
        _record_invoice(begun, invoice)
    return begun


def _record_invoice(begun: Subscription, found: InvoiceSnapshot) -> None:
    """Merge one invoice; the caller holds the subscription's lock."""
    known = begun.invoices.filter(stripe_id=found.id).first()
    row = known or SubscriptionInvoice(subscription=begun, stripe_id=found.id)
    row.number = found.number or row.number
    row.state = merge_invoice(row.state, found.status)
    row.amount_minor, row.currency = found.amount_minor, found.currency
    row.tax_minor = found.tax_minor
    row.buyer_country, row.buyer_tax_id = found.buyer_country, found.buyer_tax_id
    row.period_start, row.period_end = found.period_start, found.period_end
    row.next_attempt_at = found.next_attempt_at
    row.page_url = found.page_url or row.page_url
    row.payment_intent_id = found.intent_id or row.payment_intent_id
    # Its order, and that its buyer was told, are written by others meanwhile.
    row.save(update_fields=None if known is None else _TOLD_BY_STRIPE)
