"""A small market under a schedule: two buyers, four listings of two sellers, and Stripe.

Each method is one thing that people, banks or networks do; what it refuses is fine, as
long as the books are right afterwards (truth.py). Choices are numbers, so that a schedule
can be written down, repeated and made smaller.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import uuid
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import stripe as sdk
from django.db import connections
from django.test import Client
from django.utils import timezone
from stripe.params import RefundCreateParams

from marketplace.accounts.models import User
from marketplace.catalog.models import Listing
from marketplace.checkout import services
from marketplace.checkout.types import Wish
from marketplace.core.errors import MarketplaceError
from marketplace.core.money import Money
from marketplace.discounts import services as discounts
from marketplace.discounts.types import Code, CodeTerms
from marketplace.ledger import services as ledger
from marketplace.orders.models import Bill, Order
from marketplace.orders.queries import terms_of
from marketplace.payments import stripe_client
from marketplace.payments.models import Payment
from tests.marketplace.money.tills import Till
from tests.marketplace.stripe_fixtures import signed

__all__ = ["CARDS", "USES", "Scene"]

# Declined, and those whose refunds and disputes go other ways, beside the good one.
CARDS = ("4242424242424242", "4000000000000002", "4000000000007726", "4000000000005126")
METHODS = ("card", "card", "card", "bank", "bank_fail")
USES = 2  # of each discount code
STRIPES_NO = (sdk.InvalidRequestError, sdk.APIError)


class Scene:
    """What a schedule acts on. `done` counts what was really done, by name."""

    def __init__(
        self,
        till: Till,
        listings: Sequence[Listing],
        done: Counter[str],
        *,
        rivals: bool = False,
    ) -> None:
        self.till = till
        self.listings = listings
        self.done = done
        self.began = timezone.now() - dt.timedelta(seconds=2)
        self.rivals = rivals  # whether several threads have a database each
        self.buyers = [
            User.objects.create_user(f"{uuid.uuid4().hex}@example.org") for _ in range(2)
        ]
        self.granted = [0, 0]  # shop credit, by buyer
        self.codes = self._make_codes()
        self.seen_events: set[str] = {event["id"] for event in self.till.events()}
        self.waiting: list[dict[str, Any]] = []

    # buyers

    def buy(
        self,
        buyer: int,
        first: int,
        second: int | None,
        *,
        code: int | None = None,
        credit: bool = False,
    ) -> None:
        """Press the button for one listing, or for two at once, perhaps with a code or credit."""
        wanted = {first % 4} | (set() if second is None else {second % 4})
        wishes = [
            Wish(listing_id=one.pk, seen=terms_of(one).token)
            for number, one in enumerate(self.listings)
            if number in wanted
        ]
        text = "" if code is None else self.codes[code % len(self.codes)].text
        with self._attempt("buy" + " with a code" * bool(text) + " with credit" * credit):
            services.start_checkout(
                buyer=self.buyers[buyer % 2],
                wishes=wishes,
                code=text,
                use_credit=credit,
                site="http://shop.test",
                language="en",
                now=timezone.now(),
            )

    def pay(self, which: int, card: int, method: int) -> None:
        """Type a card on one of the hosted pages, also on an old one in another tab."""
        payment = self._payment(which)
        if payment is not None and payment.session_id:
            self.till.pay(payment.session_id, CARDS[card % 4], METHODS[method % 5])
            self.done["pay"] += 1

    def come_back(self, which: int) -> None:
        """The page that Stripe returns to asks how the payment stands."""
        bill = self._bill(which)
        if bill is not None:
            with self._attempt("come_back"):
                services.settle_bill(bill_id=bill.pk, now=timezone.now())

    def two_at_once(self, which: int, first: int) -> None:
        """Two windows at once: both buy the same, both come back, or one of each."""
        acts: list[Callable[[], None]] = [
            lambda: self.buy(which, first, None),
            lambda: self.come_back(which),
            lambda: self.refund(which, None),
        ]
        chosen = [acts[which % 3], acts[first % 3]]
        if not self.rivals:
            for act in chosen:
                act()
            return
        with ThreadPoolExecutor(len(chosen)) as pool:
            for done in [pool.submit(self._and_close, act) for act in chosen]:
                done.result()
        self.done["two at once"] += 1

    def _and_close(self, act: Callable[[], None]) -> None:
        try:
            act()
        finally:
            connections.close_all()

    def earn(self, buyer: int, amount: int) -> None:
        """The shop gives one of them credit: a part of a price, or more than all of it."""
        minor = 1 + amount * 997 % 12_000
        ledger.grant_credit(
            user_id=self.buyers[buyer % 2].pk,
            amount=Money(minor, "KRW"),
            source=f"gift:{uuid.uuid4()}",
            at=timezone.now(),
            reason="",
        )
        self.granted[buyer % 2] += minor
        self.done["earn"] += 1

    # sellers

    def _make_codes(self) -> list[Code]:
        """Of each of the two sellers one code: a quarter off, and an amount off."""
        offers: list[dict[str, Any]] = [{"percent": 25}, {"amount": Money(1_500, "KRW")}]
        return [
            discounts.create_code(
                seller=listing.seller,
                terms=CodeTerms(
                    text=uuid.uuid4().hex[:12],
                    starts_at=self.began,
                    total_limit=USES,
                    buyer_limit=None,
                    **offer,
                ),
                now=timezone.now(),
            )
            for listing, offer in zip((self.listings[0], self.listings[-1]), offers, strict=True)
        ]

    def refund(self, which: int, part: int | None) -> None:
        """The seller gives the price back, or a part of it."""
        order = self._order(which)
        if order is None:
            return
        amount = None if part is None else Money(1 + part % 9_900, order.currency)
        with self._attempt("refund"):
            services.refund_order(
                order_id=order.pk,
                by=order.listing.seller,
                reason="",
                amount=amount,
                key=None if amount is None else uuid.uuid4(),
                now=timezone.now(),
            )

    # Stripe, banks, networks

    def refund_at_stripe(self, which: int, part: int | None) -> None:
        """Somebody presses refund at Stripe's own dashboard."""
        intent = self._intent_at_stripe(which)
        if intent is None:
            return
        asked: RefundCreateParams = {"payment_intent": intent.id}
        if part is not None:
            asked["amount"] = 1 + part % 9_900
        with contextlib.suppress(*STRIPES_NO):
            self.till.sdk.v1.refunds.create(asked)
            self.done["refund_at_stripe"] += 1

    def money_moves(self, which: int, *, succeeds: bool) -> None:
        """A bank decides about a transfer that is on its way, to us or back."""
        payment = self._payment(which)
        if payment is None:
            return
        moving = [r.stripe_id for r in payment.refunds.all() if r.stripe_id]
        for object_id in [payment.session_id, *moving]:
            if object_id:
                with contextlib.suppress(Exception):
                    self.till.hook(f"settle/{object_id}", succeeds=succeeds)
        self.done["money_moves"] += 1

    def dispute(self, which: int) -> None:
        """The buyer's bank asks the money of a charge back."""
        intent = self._intent_at_stripe(which)
        if intent is None:
            return
        with contextlib.suppress(Exception):
            self.till.hook("disputes", charge=intent.latest_charge)
            self.done["dispute"] += 1

    def decide(self, which: int, *, won: bool) -> None:
        """The bank decides one of the disputes."""
        with contextlib.suppress(Exception):
            ours = self._intents()
            listed = self.till.sdk.v1.disputes.list({"limit": 100}).data
            found = [dispute for dispute in listed if dispute.payment_intent in ours]
            verb = "win" if won else "lose"
            self.till.hook(f"disputes/{found[which % len(found)].id}/{verb}")
            self.done["decide"] += 1

    def end_page(self, which: int) -> None:
        """A hosted page is left for too long."""
        payment = self._payment(which)
        if payment is not None and payment.session_id:
            with contextlib.suppress(*STRIPES_NO):
                self.till.sdk.v1.checkout.sessions.expire(payment.session_id)
                self.done["end_page"] += 1

    def deliver(self, which: int, times: int) -> None:
        """One of the events that wait arrives, once or more often, in any order; 0: it is lost."""
        self.waiting += self._news()
        if not self.waiting:
            return
        event = self.waiting.pop(which % len(self.waiting))
        for _ in range(times % 4):
            Client().post("/webhooks/stripe/", **signed(event))
        self.done["lose" if times % 4 == 0 else "deliver"] += 1

    def stripe_fails(self, *, after: bool) -> None:
        """The next calls of Stripe end in an error, before or after they took effect."""
        self.till.hook("fail_next", count=3, status=500, when="after" if after else "before")
        self.done["stripe_fails"] += 1

    def restart(self) -> None:
        """The shop's process starts anew: what it knew by heart is gone."""
        stripe_client._client_for.cache_clear()
        self.done["restart"] += 1

    def sweep(self) -> None:
        """`manage.py stripe reconcile`."""
        with self._attempt("sweep"):
            services.reconcile(now=timezone.now(), since=self.began)

    def calm_down(self) -> None:
        """Nothing fails any more, and the sweep has come by often enough."""
        self.till.hook("fail_next", count=0, status=500)
        for _ in range(3):
            services.reconcile(now=timezone.now(), since=self.began)

    def tidy_up(self) -> None:
        """End what is still open, so that no later schedule's sweep asks for it again."""
        for number in range(len(self.bills())):
            self.end_page(number)
            self.money_moves(number, succeeds=False)
        ours = self._intents()
        for dispute in self.till.sdk.v1.disputes.list({"limit": 100}).data:
            if dispute.payment_intent in ours and dispute.status == "needs_response":
                self.till.hook(f"disputes/{dispute.id}/lose")
        services.reconcile(now=timezone.now(), since=self.began)

    # what there is

    def bills(self) -> list[Bill]:
        return list(Bill.objects.filter(buyer__in=self.buyers).order_by("created_at", "pk"))

    def _bill(self, which: int) -> Bill | None:
        found = self.bills()
        return found[which % len(found)] if found else None

    def _payment(self, which: int) -> Payment | None:
        bill = self._bill(which)
        return Payment.objects.filter(bill_id=bill.pk).first() if bill else None

    def _intent_at_stripe(self, which: int) -> sdk.PaymentIntent | None:
        """What Stripe knows of a paid page: whoever acts there need not wait for us to hear of it.

        The `which`-th of those that are paid, and not of all.
        """
        rows = Payment.objects.filter(bill_id__in=[bill.pk for bill in self.bills()])
        found = []
        for session_id in rows.order_by("created_at", "pk").values_list("session_id", flat=True):
            if session_id:
                with contextlib.suppress(*STRIPES_NO):
                    found.append(
                        self.till.sdk.v1.checkout.sessions.retrieve(
                            session_id, {"expand": ["payment_intent"]}
                        )
                    )
        paid = [one.payment_intent for one in found if one.payment_status == "paid"]
        intent = paid[which % len(paid)] if paid else None
        return intent if isinstance(intent, sdk.PaymentIntent) else None

    def _intents(self) -> set[str | None]:
        bills = [bill.pk for bill in self.bills()]
        rows = Payment.objects.filter(bill_id__in=bills)
        return set(rows.values_list("payment_intent_id", flat=True))

    def _order(self, which: int) -> Order | None:
        found = list(Order.objects.filter(buyer__in=self.buyers).order_by("created_at", "pk"))
        return found[which % len(found)] if found else None

    def _news(self) -> list[dict[str, Any]]:
        fresh = [event for event in self.till.events() if event["id"] not in self.seen_events]
        self.seen_events |= {event["id"] for event in fresh}
        return fresh[::-1]

    @contextlib.contextmanager
    def _attempt(self, name: str) -> Any:
        try:
            yield
        except MarketplaceError:
            self.done[f"{name} refused"] += 1
        else:
            self.done[name] += 1
