"""What crosses the border of this app, and what the gateway tells it of Stripe."""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import dataclass

from marketplace.core.money import Money
from marketplace.payments.connect_models import (
    BankDetails,
    ConnectedAccount,
    Payout,
    PayoutBatch,
    Transfer,
    TransferReversal,
)
from marketplace.payments.dispute_types import (
    Answer,
    Dispute,
    DisputeRate,
    DisputeSnapshot,
    EvidenceFile,
    Movement,
)
from marketplace.payments.models import Payment, Refund, StripeEvent
from marketplace.payments.payout_policy import (
    Earning,
    Split,
    Standing,
    Terms,
)
from marketplace.payments.subscription_types import (
    Offer,
    Subscription,
    SubscriptionInvoice,
    SubscriptionWish,
)

__all__ = [
    "Answer",
    "BalanceTransaction",
    "BankDetails",
    "ChargeSnapshot",
    "ConnectedAccount",
    "Destination",
    "Dispute",
    "DisputeRate",
    "DisputeSnapshot",
    "Earning",
    "EventNotice",
    "EvidenceFile",
    "Item",
    "Movement",
    "Offer",
    "Payment",
    "PaymentOutcome",
    "Payout",
    "PayoutBatch",
    "Refund",
    "RefundSnapshot",
    "SessionSnapshot",
    "Split",
    "Standing",
    "StripeEvent",
    "Subscription",
    "SubscriptionInvoice",
    "SubscriptionWish",
    "Terms",
    "Transfer",
    "TransferReversal",
]


@dataclass(frozen=True, slots=True)
class Destination:
    """The seller's account that a payment goes to directly, and what the platform keeps."""

    account_id: str
    fee_minor: int


@dataclass(frozen=True, slots=True)
class Item:
    """A line of the hosted page: what it is called, and what of it is paid there."""

    title: str
    amount: Money


@dataclass(frozen=True, slots=True)
class PaymentOutcome:
    """What became of a bill's payment, as far as this shop knows.

    `refunded`, `refund_pending` and `refund_failed` are about one order of the bill where
    the outcome was asked for one; about all of them else.
    """

    payment_id: uuid.UUID
    bill_id: uuid.UUID
    state: str  # Payment.State
    amount: Money  # of the whole bill, by Stripe
    refunded: Money  # what has gone back for good, by Stripe
    credited: Money  # what has gone back as shop credit besides
    checkout_url: str  # where to pay, while the state is open; else empty
    refund_pending: bool
    refund_failed: bool  # a refund came back, or Stripe refused it
    at_stripe: bool = False  # of what has gone back, some was refunded at Stripe's own page


@dataclass(frozen=True, slots=True)
class ChargeSnapshot:
    """The charge that paid a session. Stripe books it a moment later: until then no fee."""

    id: str
    transaction_id: str
    fee_minor: int | None


@dataclass(frozen=True, slots=True)
class SessionSnapshot:
    """A Checkout Session and its PaymentIntent as Stripe has them at this moment."""

    id: str
    status: str  # open, complete, expired
    paid: bool
    url: str
    amount_minor: int
    currency: str  # upper case
    reference: str  # the id of our payment
    intent_id: str | None
    intent_status: str | None
    charge: ChargeSnapshot | None = None
    tax_minor: int = 0
    buyer_country: str = ""
    buyer_tax_id: str = ""


@dataclass(frozen=True, slots=True)
class RefundSnapshot:
    """A refund as Stripe has it at this moment; `ours` is the id of our row, if we asked for it."""

    id: str
    amount_minor: int
    status: str  # pending, requires_action, succeeded, failed, canceled
    failure: str
    ours: str | None
    transaction_id: str = ""
    failure_transaction_id: str = ""


@dataclass(frozen=True, slots=True)
class BalanceTransaction:
    """A movement of a balance at Stripe: `net` is what it changed, fees taken off.

    `source` is the object it is about (ch_…, re_…, tr_…), empty where there is none.
    """

    id: str
    kind: str
    source: str
    net: Money
    at: dt.datetime


@dataclass(frozen=True, slots=True)
class EventNotice:
    """What we take from an event: that something happened to a session, intent or subscription."""

    id: str
    type: str
    object_id: str  # cs_…, pi_… or sub_…; empty where the event is about none of them
    reference: str = ""  # of a session, the id of our row
