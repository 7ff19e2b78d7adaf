"""Devices: registered by an approved login, renamed, and removed by their owner."""

from __future__ import annotations

import datetime as dt
import uuid

from django.conf import settings
from django.core import signing
from django.db import transaction
from django.urls import reverse
from django.utils.translation import gettext as _

from marketplace.accounts import device_limits, queries, tokens
from marketplace.accounts.errors import DeviceNameError, DeviceNotFoundError, RemovalLinkError
from marketplace.accounts.models import NAME_MAX, Device, DeviceGrant, DeviceLogin, User
from marketplace.core.text import can_be_seen, clean_line
from marketplace.messaging.services import publish, send_mail, user_group

__all__ = [
    "device_of_removal_link",
    "fingerprint",
    "register_device",
    "remove_device",
    "remove_device_by_link",
    "rename_device",
    "suspect_copies",
]
LINK_MAX_AGE = dt.timedelta(days=30)
_LINK_SALT = "marketplace.accounts.remove-device"


def fingerprint(thumbprint: str) -> str:
    """A key's thumbprint in groups of four, as the seeder shows it too."""
    return " ".join(thumbprint[i : i + 4] for i in range(0, len(thumbprint), 4))


@transaction.atomic
def register_device(*, grant: DeviceGrant, address: str | None, now: dt.datetime) -> DeviceLogin:
    """Make the device of an approved `grant`, and its login; tell the owner by mail.

    A key that the user registered before keeps its row: a removed device comes back, and
    logins that it still had end. Raises NoRoomError.
    """
    assert grant.user is not None
    # The user's row is the lock: of two that would take the last place, the second counts
    # when the first has it. (On SQLite the transaction itself is the lock.)
    user = User.objects.select_for_update(no_key=True).get(pk=grant.user.pk)
    device_limits.require_room(user=user, thumbprint=grant.thumbprint, now=now)
    facts = {
        "name": grant.device_name,
        "identity_key": grant.identity_key,
        "sealing_suite": grant.sealing_suite,
        "sealing_key": grant.sealing_key,
        "sealing_key_signature": grant.sealing_key_signature,
        "registered_at": now,
        "last_seen_at": now,
        "last_address": address,
        "removed_at": None,
    }
    device, _created = Device.objects.update_or_create(
        user=user,
        thumbprint=grant.thumbprint,
        defaults=facts,
        create_defaults={**facts, "first_registered_at": now},
    )
    tokens.end_logins(device, now=now)
    _tell_owner(device, grant=grant, address=address)
    return DeviceLogin.objects.create(device=device, started_at=now)


def suspect_copies(*, device_id: uuid.UUID, day: dt.date) -> None:
    """Note for the owner that this device was copied or set back. It changes nothing else."""
    Device.objects.filter(pk=device_id).update(copies_suspected_on=day)


def _tell_owner(device: Device, *, grant: DeviceGrant, address: str | None) -> None:
    send_mail(
        to=device.user.email,
        template="device_registered",
        context={
            "device": device,
            "fingerprint": fingerprint(device.thumbprint),
            "address": address,
            "site_name": settings.SITE_NAME,
            "remove_url": _removal_url(device),
            "devices_url": f"{settings.SITE_URL}{reverse('accounts:devices')}",
            "link_days": LINK_MAX_AGE.days,
        },
        language=grant.language,
    )


def rename_device(*, user: User, device_id: uuid.UUID, name: str) -> Device:
    """Raises DeviceNotFoundError, and DeviceNameError with a sentence for the field."""
    device = queries.device(user, device_id)
    shown = clean_line(name)
    if not can_be_seen(shown) or len(shown) > NAME_MAX:
        raise DeviceNameError(_("Write a name of 1 to %d characters.") % NAME_MAX)
    device.name = shown
    device.save(update_fields=["name"])
    return device


@transaction.atomic
def remove_device(*, user: User, device_id: uuid.UUID, now: dt.datetime) -> None:
    """Shut a device out: its tokens end, and it gets no new licence. Again: nothing happens.

    Raises DeviceNotFoundError, also where it is another's.
    """
    device = Device.objects.filter(pk=device_id, user_id=user.pk).first()
    if device is None:
        raise DeviceNotFoundError(str(device_id))
    if Device.objects.filter(pk=device.pk, removed_at__isnull=True).update(removed_at=now):
        tokens.end_logins(device, now=now)
        publish(
            group=user_group(device.user_id),
            kind="device.removed",
            payload={"device": str(device.pk)},
        )


def device_of_removal_link(signed: str) -> Device:
    """The device that a link from the mail removes. Raises RemovalLinkError.

    A link is for one registration: it removes neither another device nor this one once it
    has been logged in anew. It works without a log-in, since whoever broke into an account
    may have changed its password.
    """
    try:
        value = signing.loads(signed, salt=_LINK_SALT, max_age=LINK_MAX_AGE)
        device_id, registered_at = uuid.UUID(value["device"]), value["registered"]
    except (signing.BadSignature, KeyError, TypeError, ValueError):
        raise _link_error() from None
    device = Device.objects.filter(pk=device_id).select_related("user").first()
    if device is None or device.registered_at.isoformat() != registered_at:
        raise _link_error()
    return device


def remove_device_by_link(*, signed: str, now: dt.datetime) -> Device:
    """Do what the link of the mail says. Raises RemovalLinkError."""
    device = device_of_removal_link(signed)
    remove_device(user=device.user, device_id=device.pk, now=now)
    return device


def _removal_url(device: Device) -> str:
    value = {"device": str(device.pk), "registered": device.registered_at.isoformat()}
    signed = signing.dumps(value, salt=_LINK_SALT)
    return f"{settings.SITE_URL}{reverse('accounts:device_remove', args=[signed])}"


def _link_error() -> RemovalLinkError:
    return RemovalLinkError(
        _(
            "This link is not good any more. Log in and open your devices; "
            "you can remove each of them there."
        )
    )
