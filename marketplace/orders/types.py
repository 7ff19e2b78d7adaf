"""The table of this app, for annotations elsewhere, and what an order agrees on."""

from __future__ import annotations

from dataclasses import dataclass

from marketplace.core.money import Money
from marketplace.orders.models import Order

__all__ = ["Order", "Terms"]


@dataclass(frozen=True, slots=True)
class Terms:
    """What buyer and seller agree on: the package, its price, and whether it may be saved."""

    package_id: str
    price: Money
    may_save: bool

    @property
    def token(self) -> str:
        """The terms in one word: a form carries it to say which terms the buyer saw."""
        save = "save" if self.may_save else "play"
        return f"{self.package_id}:{self.price.minor}:{self.price.currency}:{save}"
