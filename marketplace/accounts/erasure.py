"""Erasing a person from their account. What others bought from them stays whole."""

from __future__ import annotations

import datetime as dt

from allauth.account.models import EmailAddress
from django.db import transaction

from marketplace.accounts.devices import remove_device
from marketplace.accounts.models import Device, DeviceGrant, Seller, User

__all__ = ["FORMER_SELLER", "erase_account"]

# It stands in libraries and on receipts of every language.
FORMER_SELLER = "Former seller · 탈퇴한 판매자"


@transaction.atomic
def erase_account(*, user: User, now: dt.datetime) -> User:
    """Take name, addresses and devices from an account, and close it for good.

    The row stays, without anything of the person: orders, entitlements and the ledger name
    it, and the law keeps those. Asked again it changes nothing.
    """
    account = User.objects.select_for_update(no_key=True).get(pk=user.pk)
    for device in Device.objects.filter(user=account, removed_at__isnull=True):
        remove_device(user=account, device_id=device.pk, now=now)
    Device.objects.filter(user=account).update(name="", last_address=None)
    DeviceGrant.objects.filter(user=account).delete()
    EmailAddress.objects.filter(user=account).delete()
    account.email = f"erased-{account.pk.hex}@erased.invalid"  # RFC 2606: it is nobody's
    account.display_name = account.first_name = account.last_name = ""
    account.is_active = False
    account.is_staff = account.is_superuser = False
    account.set_unusable_password()
    account.save()
    Seller.objects.filter(user=account).update(
        name=FORMER_SELLER, slug=f"erased-{account.pk.hex[:12]}", tax_number=""
    )
    return account
