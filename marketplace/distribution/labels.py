"""Labels: what peers call each other, so that the shop can tell later who delivered to whom."""

from __future__ import annotations

import datetime as dt
import secrets
import string
from typing import Final

from django.db.models import Q
from django.utils.translation import gettext as _

from marketplace.accounts.types import Device
from marketplace.distribution.errors import LabelError, TooManyLabelsError
from marketplace.distribution.models import SwarmLabel
from marketplace.distribution.networks import note_network

__all__ = ["LABEL_LIFETIME", "forget_old_labels", "issue_label", "require_label"]

# A BitTorrent peer id has 20 bytes (BEP 3): the label is all of it.
LABEL_SIZE: Final = 20
LABEL_LIFETIME: Final = dt.timedelta(days=7)
# What receipts name may still be sent in after a label has ended.
KEPT: Final = dt.timedelta(days=30)
PER_DAY: Final = 50  # a program that is started again every half an hour
_ALPHABET = string.ascii_letters + string.digits


def issue_label(
    *, device: Device | None, now: dt.datetime, address: str | None = None
) -> SwarmLabel:
    """A new label for one run of a device's program, or of the origin (`device` None).

    It ends the one before. Raises TooManyLabelsError.
    """
    if device is not None:
        since = SwarmLabel.objects.filter(
            device_id=device.pk, created_at__gt=now - dt.timedelta(days=1)
        )
        if since.count() >= PER_DAY:
            raise TooManyLabelsError(
                _("This device has joined the swarm too often today. Try again tomorrow.")
            )
        note_network(device_id=device.pk, address=address, now=now)
    SwarmLabel.objects.filter(device=device, expires_at__gt=now).update(expires_at=now)
    text = "".join(secrets.choice(_ALPHABET) for _n in range(LABEL_SIZE))
    return SwarmLabel.objects.create(
        label=text, device=device, address=address, created_at=now, expires_at=now + LABEL_LIFETIME
    )


def require_label(*, device: Device, label: str, now: dt.datetime) -> SwarmLabel:
    """The label, where it is this device's and has not ended. Raises LabelError."""
    found = SwarmLabel.objects.filter(label=label, device_id=device.pk, expires_at__gt=now).first()
    if found is None:
        raise LabelError(_("This label is not this device's, or it has ended. Ask for a new one."))
    return found


def forget_old_labels(*, now: dt.datetime) -> int:
    """Delete the labels that nothing can name any more; how many there were."""
    ended = SwarmLabel.objects.filter(Q(expires_at__lt=now - KEPT), originseat=None)
    return ended.delete()[0]
