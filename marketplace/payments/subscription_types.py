"""What the gateway tells of subscriptions, and what crosses the border of this app."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from marketplace.core.money import Money
from marketplace.payments.subscription_models import Subscription, SubscriptionInvoice

SubscriptionWish = Subscription.Wish

__all__ = [
    "InvoiceSnapshot",
    "Offer",
    "PageSnapshot",
    "Subscription",
    "SubscriptionInvoice",
    "SubscriptionSnapshot",
    "SubscriptionWish",
]


@dataclass(frozen=True, slots=True)
class Offer:
    """What a subscription is called, and what each period of it costs."""

    title: str
    amount: Money
    interval: str  # month or year


@dataclass(frozen=True, slots=True)
class PageSnapshot:
    """A Checkout Session that begins a subscription, as Stripe has it at this moment."""

    id: str
    status: str  # open, complete, expired
    url: str
    amount_minor: int
    currency: str  # upper case
    reference: str  # the id of our subscription
    subscription_id: str | None


@dataclass(frozen=True, slots=True)
class SubscriptionSnapshot:
    """A subscription as Stripe has it at this moment."""

    id: str
    status: str  # active, past_due, unpaid, canceled, …
    reference: str
    period_end: dt.datetime
    cancel_at_period_end: bool
    ended_at: dt.datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class InvoiceSnapshot:
    """An invoice as Stripe has it at this moment."""

    id: str
    number: str
    status: str  # draft, open, paid, void, uncollectible
    amount_minor: int
    currency: str  # upper case
    tax_minor: int
    buyer_country: str
    buyer_tax_id: str
    period_start: dt.datetime
    period_end: dt.datetime
    next_attempt_at: dt.datetime | None
    page_url: str
    intent_id: str
