"""What is booked, and how the books are checked."""

from __future__ import annotations

from marketplace.ledger.credits import grant_credit, hold_credit, release_credit
from marketplace.ledger.movements import (
    book_application_fee,
    book_application_fee_refund,
    book_payout_returned,
    book_payout_sent,
    book_to_bank,
    book_transfer,
    book_transfer_reversal,
    start_payout,
)
from marketplace.ledger.posting import post
from marketplace.ledger.verifying import faults

__all__ = [
    "book_application_fee",
    "book_application_fee_refund",
    "book_payout_returned",
    "book_payout_sent",
    "book_to_bank",
    "book_transfer",
    "book_transfer_reversal",
    "faults",
    "grant_credit",
    "hold_credit",
    "post",
    "release_credit",
    "start_payout",
]
