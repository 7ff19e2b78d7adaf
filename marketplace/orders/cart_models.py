"""The cart: what a buyer means to pay for, and which terms they saw when they put it in."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models

from marketplace.core.money import Money

__all__ = ["Cart", "CartItem"]


class Cart(models.Model):
    """The one cart of a user. Its row is the lock of all that happens to its items."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, primary_key=True, related_name="cart"
    )

    def __str__(self) -> str:
        return f"cart of {self.user_id}"


class CartItem(models.Model):
    """One listing in a cart, for oneself or for somebody at an address.

    It holds no price to be paid: what is paid is worked out anew when it is paid. `seen`
    and the price beside it are what the buyer saw, to tell when that has changed.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    cart = models.ForeignKey(Cart, on_delete=models.CASCADE, related_name="items")
    listing = models.ForeignKey("catalog.Listing", on_delete=models.CASCADE, related_name="+")
    seen = models.CharField(max_length=200, help_text="The token of the terms that were seen.")
    seen_minor = models.PositiveBigIntegerField()
    seen_currency = models.CharField(max_length=3)
    offered_minor = models.PositiveBigIntegerField(
        null=True, blank=True, help_text="What the buyer offers where the price is theirs to say."
    )
    recipient_email = models.EmailField(
        blank=True, help_text="Whom it is a present for, in small letters. Empty: for oneself."
    )
    present_message = models.TextField(blank=True)
    added_at = models.DateTimeField()

    class Meta:
        ordering = ["added_at", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["cart", "listing", "recipient_email"],
                name="orders_cart_holds_each_thing_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.listing_id} in the {self.cart}"

    @property
    def seen_price(self) -> Money:
        """What it cost when it was put in, or when its new price was last agreed to."""
        return Money(self.seen_minor, self.seen_currency)

    @property
    def offered(self) -> Money | None:
        return None if self.offered_minor is None else Money(self.offered_minor, self.seen_currency)
