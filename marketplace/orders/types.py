"""The table of this app, for annotations elsewhere, and what an order agrees on."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from drm.encoding import canonical_json
from marketplace.core.money import Money
from marketplace.orders.models import Order

__all__ = ["Order", "Terms"]


@dataclass(frozen=True, slots=True)
class Terms:
    """What buyer and seller agree on: the package, its price, and what the buyer may do.

    `rights` as in the licence; `start_days` to begin watching a rental, None for a purchase.
    """

    package_id: str
    price: Money
    rights: Mapping[str, Any]
    start_days: int | None = None

    @property
    def token(self) -> str:
        """The terms in one word: a form carries it to say which terms the buyer saw."""
        agreed = canonical_json({"rights": dict(self.rights), "start_days": self.start_days})
        may = hashlib.sha256(agreed).hexdigest()[:16]
        return f"{self.package_id}:{self.price.minor}:{self.price.currency}:{may}"
