"""The mails of a dispute: to whoever has to answer it, and to the buyer about their access."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.urls import reverse

from marketplace.accounts import queries as accounts
from marketplace.messaging import services as messaging
from marketplace.orders.types import Bill
from marketplace.payments.types import Dispute

__all__ = ["mail_dispute"]

# What the stage is called in the names of the templates.
_NEWS = {
    Dispute.Stage.INQUIRY: "dispute_opened",
    Dispute.Stage.OPEN: "dispute_opened",
    Dispute.Stage.WON: "dispute_closed",
    Dispute.Stage.LOST: "dispute_closed",
}


def mail_dispute(bill: Bill, dispute: Dispute, stage: str) -> None:
    """Tell the sellers and the operators, and the buyer where their access changes by it."""
    context = _context(bill, dispute, stage)
    sellers = {order.listing.seller.email for order in bill.orders.all()}
    operators = {user.email for user in accounts.operators()}
    for address in sorted(sellers | operators):
        messaging.send_mail(to=address, template=_NEWS[Dispute.Stage(stage)], context=context)
    if stage == Dispute.Stage.INQUIRY or dispute.status == Dispute.Status.WARNING_CLOSED:
        return
    orders = list(bill.orders.all())
    first = orders[0]
    messaging.send_mail(
        to=bill.buyer.email,
        template="dispute_buyer",
        context=context | {"order": first, "with_credit": any(o.credit_minor for o in orders)},
        language=first.language,
    )


def _context(bill: Bill, dispute: Dispute, stage: str) -> dict[str, Any]:
    return {
        "bill": bill,
        "orders": list(bill.orders.all()),
        "dispute": dispute,
        "stage": stage,
        "dispute_url": settings.SITE_URL + reverse("checkout:dispute", args=[dispute.pk]),
        "library_url": settings.SITE_URL + settings.LOGIN_REDIRECT_URL,
        "site_name": settings.SITE_NAME,
    }
