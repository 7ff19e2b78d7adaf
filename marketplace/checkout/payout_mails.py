"""The mail of a payout that came back: nobody else tells the seller."""

from __future__ import annotations

from django.conf import settings
from django.urls import reverse

from marketplace.messaging import services as messaging
from marketplace.payments.types import Payout

__all__ = ["mail_payout_returned"]


def mail_payout_returned(payout: Payout) -> None:
    """Say that the money is in the balance again, why, and where to name another bank."""
    context = {
        "payout": payout,
        "get_paid_url": settings.SITE_URL + reverse("earnings:get_paid"),
        "site_name": settings.SITE_NAME,
    }
    messaging.send_mail(to=payout.seller.email, template="payout_returned", context=context)
