"""What is booked, and how the books are checked."""

from __future__ import annotations

from marketplace.ledger.credits import grant_credit, hold_credit, release_credit
from marketplace.ledger.posting import post
from marketplace.ledger.verifying import faults

__all__ = ["faults", "grant_credit", "hold_credit", "post", "release_credit"]
