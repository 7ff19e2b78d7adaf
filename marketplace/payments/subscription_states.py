"""How what Stripe says of a subscription is merged into what we know.

    starting ► open ► expired ► active ◄► past due ► ended
    draft ► open ► uncollectible ► void ► paid

Whether a running subscription is past due, and whether it is to be cancelled, goes back and
forth at Stripe. There the newest question wins: each is numbered before Stripe is asked, and
the answer to an older one does not replace that to a newer one.
"""

from __future__ import annotations

from marketplace.payments.subscription_models import Subscription, SubscriptionInvoice
from marketplace.payments.subscription_types import PageSnapshot, SubscriptionSnapshot

__all__ = ["merge_invoice", "merge_subscription", "reported_page", "reported_subscription"]

_S = Subscription.State
_I = SubscriptionInvoice.State
_RANK: dict[str, int] = {
    _S.STARTING: 0,
    _S.OPEN: 1,
    _S.EXPIRED: 2,
    _S.ACTIVE: 3,
    _S.PAST_DUE: 3,
    _S.ENDED: 4,
}
_INVOICE_RANK: dict[str, int] = {
    _I.DRAFT: 0,
    _I.OPEN: 1,
    _I.UNCOLLECTIBLE: 2,  # it may still be paid
    _I.VOID: 3,
    _I.PAID: 4,
}


def reported_page(page: PageSnapshot) -> str:
    """The state that a hosted page shows; what it began is read from the subscription."""
    return _S.EXPIRED if page.status == "expired" else _S.OPEN


def reported_subscription(found: SubscriptionSnapshot) -> str:
    """The state that a subscription shows."""
    if found.status in ("canceled", "incomplete_expired"):
        return _S.ENDED
    return _S.ACTIVE if found.status in ("active", "trialing") else _S.PAST_DUE


def merge_subscription(known: str, reported: str, *, newest: bool) -> str:
    """`newest`: whether nobody has asked Stripe after this answer was asked for."""
    forwards = _RANK[reported] > _RANK[known]
    sideways = newest and _RANK[reported] == _RANK[known]
    return reported if forwards or sideways else known


def merge_invoice(known: str, reported: str) -> str:
    return reported if _INVOICE_RANK.get(reported, 0) > _INVOICE_RANK[known] else known
