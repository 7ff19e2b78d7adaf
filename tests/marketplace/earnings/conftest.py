from __future__ import annotations

from tests.marketplace.stripe_fixtures import stripe, stripe_process
from tests.marketplace.trade import folders

__all__ = ["folders", "stripe", "stripe_process"]
