"""How what Stripe says is merged into what we know: forwards only.

Answers of Stripe may be older than what another process has stored meanwhile. So a
state is only replaced by one of a higher rank, and a refund that failed never succeeds.
Whatever the order in which answers come in, the rows end up the same.

    starting ► open ► processing ► failed | expired ► succeeded
    requested ► pending ► succeeded ► failed
"""

from __future__ import annotations

from collections.abc import Iterable

from marketplace.payments.models import Payment, Refund
from marketplace.payments.types import RefundSnapshot, SessionSnapshot

__all__ = ["merge_payment", "merge_refund", "reported_payment", "reported_refund", "with_refunds"]

_P = Payment.State
_R = Refund.State
_PAYMENT_RANK: dict[str, int] = {
    _P.STARTING: 0,
    _P.OPEN: 1,
    _P.PROCESSING: 2,
    _P.EXPIRED: 3,
    _P.FAILED: 3,
    _P.SUCCEEDED: 4,
    _P.REFUNDED: 4,  # follows from the refunds alone: see with_refunds
}
_REFUND_RANK: dict[str, int] = {_R.REQUESTED: 0, _R.PENDING: 1, _R.SUCCEEDED: 2, _R.FAILED: 3}


def reported_payment(session: SessionSnapshot) -> str:
    """The state that a session shows."""
    if session.paid:
        return _P.SUCCEEDED
    if session.status == "expired":
        return _P.EXPIRED
    if session.status == "open":
        return _P.OPEN
    # Complete but not paid: the money is on its way, or the bank has refused it after all.
    refused = session.intent_status in ("requires_payment_method", "canceled")
    return _P.FAILED if refused else _P.PROCESSING


def reported_refund(refund: RefundSnapshot) -> str:
    """The state that a refund shows."""
    states: dict[str, str] = {
        "succeeded": _R.SUCCEEDED,
        "failed": _R.FAILED,
        "canceled": _R.FAILED,
    }
    return states.get(refund.status, _R.PENDING)


def merge_payment(known: str, reported: str) -> str:
    return reported if _PAYMENT_RANK[reported] > _PAYMENT_RANK[known] else known


def merge_refund(known: str, reported: str) -> str:
    return reported if _REFUND_RANK[reported] > _REFUND_RANK[known] else known


def with_refunds(state: str, amount_minor: int, refunds: Iterable[Refund]) -> str:
    """The state of a payment once its refunds are counted: refunded when all of it went back."""
    if state not in (_P.SUCCEEDED, _P.REFUNDED) or amount_minor == 0:
        return state
    back = sum(refund.amount_minor for refund in refunds if refund.state == _R.SUCCEEDED)
    return _P.REFUNDED if back >= amount_minor else _P.SUCCEEDED
