"""The mails of a purchase, in the language the buyer shops in."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.urls import reverse

from marketplace.core.money import Money
from marketplace.messaging import services as messaging
from marketplace.orders.types import Order
from marketplace.payments.types import SubscriptionInvoice

__all__ = [
    "mail_payment_failed",
    "mail_receipt",
    "mail_refund",
    "mail_refund_part",
    "mail_restored",
]


def mail_receipt(order: Order) -> None:
    """The receipt: number, date, amount, seller, and how to open it."""
    _mail("receipt", order)


def mail_refund(order: Order, *, was_granted: bool) -> None:
    """The money went back; `was_granted` tells whether access ended with it."""
    _mail("refund", order, was_granted=was_granted)


def mail_refund_part(order: Order, *, amount: Money) -> None:
    """A part of the price went back, and access goes on."""
    _mail("refund_part", order, amount=amount)


def mail_restored(order: Order) -> None:
    """The refund did not reach the buyer, so the purchase stands."""
    _mail("refund_failed", order)


def mail_payment_failed(order: Order, invoice: SubscriptionInvoice, *, ended: bool) -> None:
    """A renewal was not paid; `ended` tells whether the subscription is over with it."""
    page = reverse("checkout:subscription", args=[order.pk])
    _mail(
        "payment_failed",
        order,
        amount=Money(invoice.amount_minor, invoice.currency),
        ended=ended,
        next_attempt=invoice.next_attempt_at,
        subscription_url=settings.SITE_URL + page,
    )


def _mail(template: str, order: Order, **more: Any) -> None:
    seller = getattr(order.listing.seller, "seller", None)
    context = {
        "order": order,
        "seller_name": seller.name if seller else order.listing.seller.email,
        "order_url": settings.SITE_URL + reverse("checkout:order", args=[order.pk]),
        "library_url": settings.SITE_URL + settings.LOGIN_REDIRECT_URL,
        "subscriptions_url": settings.SITE_URL + reverse("checkout:subscriptions"),
        "presents_url": settings.SITE_URL + reverse("handovers:presents"),
        "site_name": settings.SITE_NAME,
        **more,
    }
    messaging.send_mail(
        to=order.buyer.email, template=template, context=context, language=order.language
    )
