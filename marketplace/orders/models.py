from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models

from marketplace.catalog.models import Listing
from marketplace.core.money import Money
from marketplace.orders.cart_models import Cart, CartItem
from marketplace.orders.numbers import new_bill_number
from marketplace.packaging.models import Package

__all__ = ["Bill", "Cart", "CartItem", "Order"]


class Bill(models.Model):
    """One or several orders of one buyer that are paid at once, in one currency."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    buyer = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="bills"
    )
    currency = models.CharField(max_length=3)
    code = models.CharField(max_length=40, blank=True, help_text="The discount code, if one.")
    number = models.CharField(  # noqa: DJ001  # several have none, and the others are unique
        max_length=20,
        unique=True,
        null=True,
        default=new_bill_number,
        help_text="For people: B-7K2M-Q9XT. None for bills whose receipts had their order's.",
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"bill {self.id}"


class Order(models.Model):
    """One buyer's purchase of one listing, at the price it had when the order was made.

    The listing costs `list_minor` on its own; less `discount_minor` it is `price_minor`,
    what the buyer owes. Of that, `credit_minor` is paid by shop credit, the rest in cash.
    """

    class State(models.TextChoices):
        PENDING = "pending"
        PAID = "paid"
        EXPIRED = "expired"  # never paid; nothing was taken
        REFUNDED = "refunded"
        CHARGED_BACK = "charged_back"  # the buyer's bank took the money back

    class Kind(models.TextChoices):
        PURCHASE = "purchase"
        RENTAL = "rental"
        SUBSCRIPTION = "subscription"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    number = models.CharField(max_length=20, unique=True, help_text="For people: G-7K2M-Q9XT.")
    buyer = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="orders"
    )
    listing = models.ForeignKey(Listing, on_delete=models.PROTECT, related_name="orders")
    package = models.ForeignKey(Package, on_delete=models.PROTECT, related_name="orders")
    bill = models.ForeignKey(Bill, on_delete=models.PROTECT, related_name="orders")
    kind = models.CharField(max_length=16, choices=Kind, default=Kind.PURCHASE)
    title = models.CharField(max_length=200)
    list_minor = models.PositiveBigIntegerField()
    discount_minor = models.PositiveBigIntegerField(default=0)
    price_minor = models.PositiveBigIntegerField()
    credit_minor = models.PositiveBigIntegerField(default=0)
    fee_minor = models.PositiveBigIntegerField(
        default=0, help_text="What the platform keeps of the price."
    )
    pool_minor = models.PositiveBigIntegerField(
        default=0, help_text="What of the price pays for delivery."
    )
    refunded_minor = models.PositiveBigIntegerField(
        default=0, help_text="What went back for good, in cash and as credit."
    )
    currency = models.CharField(max_length=3)
    rights = models.JSONField(help_text="What was agreed on, as in the licence.")
    start_days = models.PositiveSmallIntegerField(
        null=True, blank=True, help_text="Of a rental: days to begin watching."
    )
    spent = models.BooleanField(
        default=False, help_text="A rental that is over: its buyer may order it again."
    )
    recipient_email = models.CharField(
        max_length=254, blank=True, help_text="Whom it is a present for. Empty: for the buyer."
    )
    present_message = models.CharField(max_length=500, blank=True)
    bundle_id = models.UUIDField(
        null=True, blank=True, help_text="The bundle that it was bought in."
    )
    seller_tax_number = models.CharField(
        max_length=30, blank=True, help_text="The seller's VAT or GST number, at that time."
    )
    language = models.CharField(max_length=10, default="en", help_text="Of the buyer's mail.")
    state = models.CharField(max_length=16, choices=State, default=State.PENDING)
    created_at = models.DateTimeField(auto_now_add=True)
    paid_at = models.DateTimeField(null=True, blank=True)
    refunded_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["buyer", "listing"],
                condition=models.Q(state__in=["pending", "paid"], spent=False, recipient_email=""),
                name="orders_one_live_order_per_buyer_and_listing",
            ),
            models.UniqueConstraint(
                fields=["buyer", "listing", "recipient_email"],
                condition=models.Q(state="pending") & ~models.Q(recipient_email=""),
                name="orders_one_pending_present_per_recipient",
            ),
            models.CheckConstraint(
                name="orders_amounts_add_up",
                condition=models.Q(
                    list_minor=models.F("price_minor") + models.F("discount_minor"),
                    credit_minor__lte=models.F("price_minor"),
                    refunded_minor__lte=models.F("price_minor"),
                ),
            ),
            models.CheckConstraint(
                name="orders_paid_has_a_date",
                condition=~models.Q(state__in=["paid", "refunded", "charged_back"])
                | models.Q(paid_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return self.number

    @property
    def may_save(self) -> bool:
        return self.rights.get("save") is True

    @property
    def is_rental(self) -> bool:
        return "play_window" in self.rights

    @property
    def is_present(self) -> bool:
        return self.recipient_email != ""

    @property
    def price(self) -> Money:
        """What the buyer owes for it."""
        return Money(self.price_minor, self.currency)

    @property
    def list_price(self) -> Money:
        return Money(self.list_minor, self.currency)

    @property
    def discount(self) -> Money:
        return Money(self.discount_minor, self.currency)

    @property
    def credit(self) -> Money:
        """What of the price shop credit pays."""
        return Money(self.credit_minor, self.currency)

    @property
    def cash(self) -> Money:
        """What of the price is paid by Stripe."""
        return Money(self.price_minor - self.credit_minor, self.currency)

    @property
    def refunded(self) -> Money:
        return Money(self.refunded_minor, self.currency)
