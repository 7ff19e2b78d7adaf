"""How many devices an account may have at once, and how many new keys in twelve months.

The second limit is there because the first alone would let a purchase pass from hand to
hand: let a device in, fetch its licences, take it offline, remove it, let in the next.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from django.conf import settings
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from marketplace.accounts.errors import DeviceKeysUsedUpError, DeviceLimitError
from marketplace.accounts.models import Device, User

__all__ = ["KEY_YEAR", "DeviceAllowance", "allowance", "require_room"]

KEY_YEAR = dt.timedelta(days=365)  # a key counts from its first registration, for so long


@dataclass(frozen=True, slots=True)
class DeviceAllowance:
    """`active` of `limit` devices; `new_keys_left`, and from when on there is one again.

    `next_key_at` is None while a new key is possible now, or where the shop allows none.
    """

    active: int
    limit: int
    new_keys_left: int
    next_key_at: dt.datetime | None

    @property
    def full(self) -> bool:
        return self.active >= self.limit


def allowance(*, user: User, now: dt.datetime) -> DeviceAllowance:
    """What `user` has used up of the limits of this shop at `now`."""
    keys: int = settings.DEVICE_KEYS_PER_YEAR
    mine = Device.objects.filter(user_id=user.pk)
    first = list(
        mine.filter(first_registered_at__gt=now - KEY_YEAR)
        .order_by("-first_registered_at")
        .values_list("first_registered_at", flat=True)
    )
    # The newest `keys` of them fill the year; when the oldest of those has passed, one is free.
    used_up = len(first) >= keys
    return DeviceAllowance(
        active=mine.filter(removed_at__isnull=True).count(),
        limit=settings.DEVICE_LIMIT,
        new_keys_left=max(0, keys - len(first)),
        next_key_at=first[keys - 1] + KEY_YEAR if used_up and keys > 0 else None,
    )


def require_room(*, user: User, thumbprint: str, now: dt.datetime) -> None:
    """Pass where `user` may register the key of this `thumbprint` at `now`.

    A key that the account knows costs no new key, and while its device is active no place.
    Raises DeviceLimitError and DeviceKeysUsedUpError. Who registers holds the user's row.
    """
    known = Device.objects.filter(user_id=user.pk, thumbprint=thumbprint).first()
    if known is not None and known.removed_at is None:
        return
    allowed = allowance(user=user, now=now)
    if known is None and allowed.new_keys_left == 0:
        raise DeviceKeysUsedUpError(_keys_sentence(allowed))
    if allowed.full:
        raise DeviceLimitError(
            ngettext(
                "This account may have %(count)d device at once, and has it. Remove it on the "
                "page of your devices, then log in here again.",
                "This account may have %(count)d devices at once, and has them. Remove one on "
                "the page of your devices, then log in here again.",
                allowed.limit,
            )
            % {"count": allowed.limit}
        )


def _keys_sentence(allowed: DeviceAllowance) -> str:
    count: int = settings.DEVICE_KEYS_PER_YEAR
    used = ngettext(
        "This account may add %(count)d new device in twelve months, also where it was "
        "removed since.",
        "This account may add %(count)d new devices in twelve months, also where they were "
        "removed since.",
        count,
    ) % {"count": count}
    if allowed.next_key_at is None:
        return used
    # In UTC the day may be over elsewhere: the day after is right everywhere.
    day = date_format(allowed.next_key_at + dt.timedelta(days=1), "DATE_FORMAT")
    then = _(
        "A new one is possible again from %(day)s on. A device that you had before can be "
        "logged in again at any time."
    )
    return f"{used} {then % {'day': day}}"
