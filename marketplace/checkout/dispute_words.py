"""Disputes in plain words: what the bank says, and how it stands."""

from __future__ import annotations

from django.utils.translation import gettext as _

from marketplace.payments.types import Dispute

__all__ = ["reason_of", "standing_of"]

_Status = Dispute.Status


def reason_of(dispute: Dispute) -> str:
    """Why the buyer questions the payment, as their bank told it."""
    reasons = {
        "bank_cannot_process": _("The buyer’s bank could not process the payment."),
        "credit_not_processed": _("The buyer says that a refund they were promised never came."),
        "duplicate": _("The buyer says that they paid twice for the same."),
        "fraudulent": _("The card’s holder says that they did not make this payment."),
        "product_not_received": _("The buyer says that they did not get what they paid for."),
        "product_unacceptable": _("The buyer says that it is not what was described."),
        "subscription_canceled": _("The buyer says that they had cancelled before."),
        "unrecognized": _("The card’s holder does not recognise the payment."),
    }
    return reasons.get(dispute.reason, _("The bank gave no reason that says more."))


def standing_of(dispute: Dispute) -> tuple[str, str]:
    """How it stands, and the badge that it is shown in."""
    waiting = (_("Needs an answer"), "badge--bad")
    reviewed = (_("The bank is deciding"), "badge--warn")
    standings: dict[str, tuple[str, str]] = {
        _Status.WARNING_NEEDS_RESPONSE: (_("The bank asks"), "badge--warn"),
        _Status.WARNING_UNDER_REVIEW: (_("Answered; the bank reads"), "badge--info"),
        _Status.WARNING_CLOSED: (_("Question closed"), "badge--ok"),
        _Status.NEEDS_RESPONSE: waiting,
        _Status.UNDER_REVIEW: reviewed,
        _Status.APPEAL_NEEDS_RESPONSE: (_("Appealed"), "badge--warn"),
        _Status.APPEAL_UNDER_REVIEW: reviewed,
        _Status.PREVENTED: (_("Prevented"), "badge--ok"),
        _Status.WON: (_("Won"), "badge--ok"),
        _Status.LOST: (_("Lost"), "badge"),
    }
    return standings.get(dispute.status, reviewed)
