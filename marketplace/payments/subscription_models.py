"""Subscriptions as they lie in the database, and the invoices that Stripe draws up for them."""

from __future__ import annotations

import uuid

from django.db import models

from marketplace.core.money import Money

__all__ = ["Subscription", "SubscriptionInvoice"]


class Subscription(models.Model):
    """What Stripe Billing charges anew each month or year, until it ends.

    `order_id` is the order that began it. Each period has an invoice, and each paid
    invoice an order of its own, whose bill it pays.
    """

    class State(models.TextChoices):
        STARTING = "starting"  # intent written, Stripe not yet asked
        OPEN = "open"  # the hosted page waits for the buyer
        EXPIRED = "expired"  # never begun; nothing was taken
        ACTIVE = "active"
        PAST_DUE = "past_due"  # the last period is not paid yet; Stripe tries again
        ENDED = "ended"

    class Wish(models.TextChoices):
        NONE = ""
        CANCEL = "cancel", "end with the period"
        KEEP = "keep", "go on after all"
        END = "end", "end at once"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    order_id = models.UUIDField(unique=True)
    amount_minor = models.PositiveBigIntegerField(help_text="Of one period.")
    currency = models.CharField(max_length=3)
    interval = models.CharField(max_length=8, help_text="month or year")
    state = models.CharField(max_length=16, choices=State, default=State.STARTING)
    wish = models.CharField(
        max_length=8,
        choices=Wish,
        default=Wish.NONE,
        blank=True,
        help_text="What Stripe has still to be told.",
    )
    session_id = models.CharField(max_length=120, unique=True, null=True, blank=True)
    checkout_url = models.TextField(blank=True)
    stripe_id = models.CharField(max_length=120, unique=True, null=True, blank=True)
    period_end = models.DateTimeField(null=True, blank=True)
    cancel_at_period_end = models.BooleanField(default=False)
    ended_at = models.DateTimeField(null=True, blank=True)
    asked = models.PositiveBigIntegerField(
        default=0, help_text="How often Stripe was asked: the number of the newest question."
    )
    answered = models.PositiveBigIntegerField(
        default=0, help_text="The newest question whose answer was kept."
    )
    expires_at = models.DateTimeField(help_text="When the hosted page closes.")
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.CheckConstraint(
                name="payments_subscription_interval_is_known",
                condition=models.Q(interval__in=["month", "year"]),
            ),
        ]

    def __str__(self) -> str:
        return f"subscription {self.id}"

    @property
    def price(self) -> Money:
        """Of one period."""
        return Money(self.amount_minor, self.currency)

    @property
    def ends(self) -> bool:
        """Whether it ends with the period that is paid."""
        wish = self.Wish(self.wish)
        if wish == self.Wish.NONE:
            return self.cancel_at_period_end
        return wish != self.Wish.KEEP


class SubscriptionInvoice(models.Model):
    """What one period costs, as Stripe says."""

    class State(models.TextChoices):
        DRAFT = "draft"
        OPEN = "open"
        UNCOLLECTIBLE = "uncollectible"
        VOID = "void"
        PAID = "paid"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    subscription = models.ForeignKey(
        Subscription, on_delete=models.PROTECT, related_name="invoices"
    )
    stripe_id = models.CharField(max_length=120, unique=True)
    number = models.CharField(max_length=60, blank=True)
    state = models.CharField(max_length=16, choices=State, default=State.DRAFT)
    amount_minor = models.PositiveBigIntegerField()
    currency = models.CharField(max_length=3)
    tax_minor = models.PositiveBigIntegerField(default=0, help_text="Included in the amount.")
    buyer_country = models.CharField(max_length=2, blank=True)
    buyer_tax_id = models.CharField(max_length=60, blank=True)
    period_start = models.DateTimeField()
    period_end = models.DateTimeField()
    next_attempt_at = models.DateTimeField(null=True, blank=True)
    page_url = models.TextField(blank=True, help_text="Where it is paid by another card.")
    payment_intent_id = models.CharField(max_length=120, blank=True)
    told = models.BooleanField(default=False, help_text="The buyer knows that it was not paid.")
    order_id = models.UUIDField(
        unique=True, null=True, blank=True, help_text="The order of this period, once it is paid."
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["period_start", "created_at"]

    def __str__(self) -> str:
        return self.number or self.stripe_id

    @property
    def price(self) -> Money:
        return Money(self.amount_minor, self.currency)
