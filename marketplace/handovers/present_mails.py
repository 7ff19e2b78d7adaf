"""The mails of a present, in the language of whoever bought it."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.urls import reverse

from marketplace.handovers.present_models import Present
from marketplace.messaging import services as messaging

__all__ = ["mail_present", "mail_taken"]


def mail_present(present: Present, *, token: str) -> None:
    """To whom it is for, who may not have an account yet."""
    path = reverse("handovers:present_claim", args=[token])
    _mail("present", present, to=present.address, claim_url=settings.SITE_URL + path)


def mail_taken(present: Present) -> None:
    """To the giver: it has arrived."""
    path = reverse("handovers:present", args=[present.pk])
    _mail("present_taken", present, to=present.giver.email, present_url=settings.SITE_URL + path)


def _mail(template: str, present: Present, *, to: str, **more: Any) -> None:
    context = {
        "present": present,
        "title": present.entitlement.listing.title,
        "giver_name": present.giver.display_name or present.giver.email,
        "site_name": settings.SITE_NAME,
        **more,
    }
    messaging.send_mail(to=to, template=template, context=context, language=present.language)
