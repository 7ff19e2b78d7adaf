"""What people and events do at the checkout; each function reads from top to bottom."""

from __future__ import annotations

from marketplace.checkout.cart_paying import pay_cart
from marketplace.checkout.dispute_access import (
    case_for,
    case_to_answer,
    disputes_for,
    facts_of,
    orders_in_dispute,
)
from marketplace.checkout.disputing import follow_disputes, sweep_disputes
from marketplace.checkout.distributing import account_changed, distribute, resume_transfers
from marketplace.checkout.paying_out import (
    earned,
    mark_batch_paid,
    payout_terms,
    return_payout,
    run_payouts,
)
from marketplace.checkout.quoting import listing_to_buy, quote, terms_now
from marketplace.checkout.refunding import order_to_refund, refund_order
from marketplace.checkout.settling import settle_bill, settle_order
from marketplace.checkout.starting import start_checkout
from marketplace.checkout.sweeping import handle_event, reconcile

__all__ = [
    "account_changed",
    "case_for",
    "case_to_answer",
    "disputes_for",
    "distribute",
    "earned",
    "facts_of",
    "follow_disputes",
    "handle_event",
    "listing_to_buy",
    "mark_batch_paid",
    "order_to_refund",
    "orders_in_dispute",
    "pay_cart",
    "payout_terms",
    "quote",
    "reconcile",
    "refund_order",
    "resume_transfers",
    "return_payout",
    "run_payouts",
    "settle_bill",
    "settle_order",
    "start_checkout",
    "sweep_disputes",
    "terms_now",
]
