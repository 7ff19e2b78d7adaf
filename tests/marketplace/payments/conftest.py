from __future__ import annotations

from tests.marketplace.stripe_fixtures import stripe, stripe_process

__all__ = ["stripe", "stripe_process"]
