"""The mails of a handover, in the language of whoever offered it."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.urls import reverse

from marketplace.handovers.models import Handover
from marketplace.messaging import services as messaging

__all__ = [
    "mail_accepted",
    "mail_cancelled",
    "mail_declined",
    "mail_done",
    "mail_offer",
    "mail_renewed",
    "mail_returned",
]


def mail_offer(handover: Handover) -> None:
    """To whom it is offered, who may not have an account yet."""
    _mail("handover_offer", handover, to=handover.address)


def mail_accepted(handover: Handover, *, devices: int) -> None:
    """To the giver: which devices have to be online now."""
    _mail("handover_accepted", handover, to=handover.giver.email, devices=devices)


def mail_declined(handover: Handover) -> None:
    _mail("handover_declined", handover, to=handover.giver.email)


def mail_cancelled(handover: Handover) -> None:
    """To the receiver, who had accepted."""
    _mail("handover_cancelled", handover, to=_receiver(handover))


def mail_done(handover: Handover) -> None:
    """To both: one has it now, the other no longer."""
    _mail("handover_done", handover, to=_receiver(handover))
    _mail("handover_gone", handover, to=handover.giver.email)


def mail_renewed(handover: Handover) -> None:
    _mail("handover_renewed", handover, to=_receiver(handover))


def mail_returned(handover: Handover) -> None:
    _mail("handover_returned", handover, to=handover.giver.email)


def _receiver(handover: Handover) -> str:
    return handover.receiver.email if handover.receiver is not None else handover.address


def _mail(template: str, handover: Handover, *, to: str, **more: Any) -> None:
    giver = handover.giver
    context = {
        "handover": handover,
        "title": handover.entitlement.listing.title,
        "giver_name": giver.display_name or giver.email,
        "handover_url": settings.SITE_URL + reverse("handovers:handover", args=[handover.pk]),
        "library_url": settings.SITE_URL + settings.LOGIN_REDIRECT_URL,
        "site_name": settings.SITE_NAME,
        **more,
    }
    messaging.send_mail(to=to, template=template, context=context, language=handover.language)
