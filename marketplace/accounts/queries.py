"""Reading people, sellers and devices. What is not yours is not found."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Collection

from allauth.account.models import EmailAddress
from babel import Locale
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import get_language
from django_countries import countries

from marketplace.accounts.device_limits import DeviceAllowance, allowance
from marketplace.accounts.errors import DeviceNotFoundError, SellerNotFoundError, UnknownCodeError
from marketplace.accounts.models import Device, DeviceGrant, Seller, User

__all__ = [
    "active_among",
    "active_devices",
    "addresses_of",
    "country_name",
    "device",
    "device_allowance",
    "grant_waiting",
    "operators",
    "person",
    "person_at",
    "seller",
    "seller_of",
    "sharing_devices",
    "user_by_id",
]


def seller_of(user: User) -> Seller | None:
    """The selling side of `user`, or None where they have not become a seller."""
    return Seller.objects.filter(user_id=user.pk).first()


def country_name(code: str) -> str:
    """A country of ISO 3166 under its name in the present language (CLDR); "" of no country."""
    names = Locale.parse(get_language() or "en", sep="-").territories
    return str(names.get(code) or countries.name(code)) if code else ""


def user_by_id(user_id: uuid.UUID) -> User:
    """Any user, for the shop's own work: no person's request may come here."""
    return User.objects.get(pk=user_id)


def active_among(user_ids: Collection[uuid.UUID]) -> set[uuid.UUID]:
    """Those of these users whose account is still there."""
    rows = User.objects.filter(pk__in=user_ids, is_active=True)
    return set(rows.values_list("pk", flat=True))


def operators() -> QuerySet[User]:
    """Whoever runs the shop: who may log in to its administration."""
    return User.objects.filter(is_staff=True, is_active=True).order_by("pk")


def seller(slug: str) -> Seller:
    """The seller under this address. Raises SellerNotFoundError."""
    try:
        return Seller.objects.get(slug=slug)
    except Seller.DoesNotExist:
        raise SellerNotFoundError(slug) from None


def person_at(address: str) -> User | None:
    """Whose account has this address, whatever the case of its letters; for operators alone."""
    return User.objects.filter(email__iexact=address.strip()).first()


def active_devices(user: User) -> QuerySet[Device]:
    """The devices of `user` that are not removed, the newest first."""
    return Device.objects.filter(user_id=user.pk, removed_at__isnull=True).order_by(
        "-registered_at", "pk"
    )


def device(user: User, device_id: uuid.UUID) -> Device:
    """One active device of `user`. Raises DeviceNotFoundError, also where it is another's."""
    try:
        return active_devices(user).get(pk=device_id)
    except Device.DoesNotExist:
        raise DeviceNotFoundError(str(device_id)) from None


def sharing_devices(user_id: uuid.UUID) -> set[uuid.UUID]:
    """Who else ever had one of the user's devices, by its key, be it removed since; with them."""
    keys = Device.objects.filter(user_id=user_id).values("thumbprint")
    rows = Device.objects.filter(thumbprint__in=keys).values_list("user_id", flat=True)
    return {user_id, *rows}


def addresses_of(user: User) -> set[str]:
    """The addresses that `user` has proved to read, in small letters."""
    rows = EmailAddress.objects.filter(user_id=user.pk, verified=True)
    return {address.lower() for address in rows.values_list("email", flat=True)}


def device_allowance(user: User, *, now: dt.datetime) -> DeviceAllowance:
    """How many devices `user` has and may have, and how many new keys are left at `now`."""
    return allowance(user=user, now=now)


def grant_waiting(grant_id: uuid.UUID, *, now: dt.datetime) -> DeviceGrant:
    """The log-in of a seeder that waits for a decision. Raises UnknownCodeError."""
    try:
        return DeviceGrant.objects.get(
            pk=grant_id, state=DeviceGrant.State.PENDING, expires_at__gt=now
        )
    except DeviceGrant.DoesNotExist:
        raise UnknownCodeError(str(grant_id)) from None


def person(request: HttpRequest) -> User:
    """Who is logged in, behind login_required."""
    assert isinstance(request.user, User)
    return request.user
