"""A buyer who subscribes, with the real pages, the real SDK and the real emulator."""

from __future__ import annotations

import datetime as dt
import json
import uuid
from typing import Any

from django.utils import timezone

from marketplace.accounts.models import User
from marketplace.catalog.models import Listing
from marketplace.checkout import subscribing
from marketplace.licensing.models import Entitlement
from marketplace.orders.models import Order
from marketplace.payments.models import Subscription
from tests.marketplace.checkout.shopping import deliver
from tests.marketplace.stripe_fixtures import GOOD, Emulator
from tests.marketplace.trade import sell

__all__ = [
    "FAILS", "Subscriber", "begin_subscription", "entitlement_of", "offer", "replay",
    "subscribed",
]  # fmt: skip

FAILS = "4000000000000341"  # it can be kept, and every charge of it fails


def offer(*, interval: str = "month", minor: int = 9_900) -> Listing:
    """A subscription on sale."""
    listing = sell(title="달빛 구독")
    Listing.objects.filter(pk=listing.pk).update(
        pricing="subscription", interval=interval, price_minor=minor
    )
    listing.refresh_from_db()
    return listing


def begin_subscription(user: User, listing: Listing) -> tuple[Order, str]:
    """As far as the hosted page: the order, and the page's address."""
    started = subscribing.start_subscription(
        buyer=user,
        listing_id=listing.pk,
        seen=subscribing.subscription_token(listing),
        site="http://shop.test",
        language="en",
        now=timezone.now(),
    )
    return started.order, started.pay_url


class Subscriber:
    """A subscription that has begun, and levers on it."""

    def __init__(self, stripe: Emulator, user: User, listing: Listing, order: Order) -> None:
        self.stripe, self.user, self.listing, self.order = stripe, user, listing, order

    @property
    def row(self) -> Subscription:
        return Subscription.objects.get(order_id=self.order.pk)

    @property
    def at_stripe(self) -> str:
        return self.row.stripe_id or ""

    def settle(self, now: dt.datetime | None = None) -> Subscription:
        return subscribing.settle_subscription(
            subscription_id=self.row.pk, now=now or timezone.now()
        )

    def next(self, steps: int = 1) -> None:
        """What Stripe would do next to it, ahead of its time."""
        for _ in range(steps):
            self.stripe.hook(f"subscriptions/{self.at_stripe}/next")

    def renew(self) -> Subscription:
        """The next period is drawn up, charged and settled."""
        self.next(2)
        return self.settle()

    def keep_card(self, number: str) -> None:
        self.stripe.hook(f"subscriptions/{self.at_stripe}/card", number=number)

    def orders(self) -> list[Order]:
        """One for each paid period, the earliest first."""
        return list(
            Order.objects.filter(buyer=self.user, kind="subscription").order_by("created_at")
        )


def subscribed(stripe: Emulator, user: User, listing: Listing, *, card: str = GOOD) -> Subscriber:
    """A subscription whose first period is paid and settled."""
    order, url = begin_subscription(user, listing)
    assert stripe.pay(url, card).status_code == 303
    order = subscribing.settle_order(order, now=timezone.now())
    return Subscriber(stripe, user, listing, order)


def entitlement_of(subscriber: Subscriber) -> Entitlement:
    """The one by which the subscriber opens it."""
    own = Entitlement.objects.filter(user=subscriber.user, listing=subscriber.listing)
    return own.order_by("created_at", "pk").get()


def events_about(stripe: Emulator, stripe_id: str) -> list[dict[str, Any]]:
    """Every event about a subscription and its invoices, the oldest first."""
    listed = stripe.sdk.v1.events.list({"limit": 100}).auto_paging_iter()
    found = []
    for event in listed:
        data = json.loads(str(event))  # the SDK makes decimals of what is text on the wire
        about = data["data"]["object"]
        details = (about.get("parent") or {}).get("subscription_details") or {}
        named = {about.get("id"), about.get("subscription"), details.get("subscription")}
        if stripe_id in named:
            found.append(data)
    return found[::-1]


def replay(subscriber: Subscriber, *, order: str = "given", times: int = 1) -> list[int]:
    """Post all its events to the shop's webhook; returns the answers."""
    events = events_about(subscriber.stripe, subscriber.at_stripe)
    if order == "reverse":
        events = events[::-1]
    for event in events:
        event["id"] = f"evt_{uuid.uuid4().hex}"  # as never seen before
    return [deliver(event).status_code for event in events for _ in range(times)]
