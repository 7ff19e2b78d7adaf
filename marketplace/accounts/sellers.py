"""Becoming a seller."""

from __future__ import annotations

import itertools
import re
import unicodedata

from django.db import IntegrityError, transaction
from django.utils.text import slugify
from django.utils.translation import gettext as _
from django_countries import countries

from marketplace.accounts.errors import (
    CountryError,
    SellerNameError,
    SellerNotFoundError,
    TaxNumberError,
)
from marketplace.accounts.models import NAME_MAX, Seller, User
from marketplace.core.text import can_be_seen, clean_line

__all__ = ["become_seller", "set_tax_number"]

_SLUG_MAX = 72  # leaves room for "-" and a number


def become_seller(*, user: User, name: str, country: str) -> Seller:
    """Open the selling side of `user` under `name`, in an ISO 3166 `country` ("KR").

    Whoever is a seller already stays the seller they are. Raises SellerNameError and
    CountryError with a sentence for the field.
    """
    if existing := Seller.objects.filter(user=user).first():
        return existing
    shown = clean_line(name)
    if not any(c.isalnum() and can_be_seen(c) for c in shown):
        raise SellerNameError(_("Write a name that buyers can read: it stands on your listings."))
    if len(shown) > NAME_MAX:
        raise SellerNameError(_("This name is too long; use at most %d characters.") % NAME_MAX)
    if country not in countries:
        raise CountryError(_("Choose the country you sell from."))
    return _create(user, shown, country)


@transaction.atomic
def set_tax_number(*, user: User, number: str) -> Seller:
    """Keep the VAT, GST or business number that stands on the receipts of what `user` sells.

    Empty takes it away; receipts of what was sold before keep the one of their time. Raises
    SellerNotFoundError, TaxNumberError with a sentence for the field.
    """
    seller = Seller.objects.select_for_update().filter(user=user).first()
    if seller is None:
        raise SellerNotFoundError(str(user.pk))
    shown = clean_line(unicodedata.normalize("NFKC", number)).upper()
    if shown and not re.fullmatch(r"[A-Z0-9][A-Z0-9 .\-/]{2,28}[A-Z0-9]", shown):
        raise TaxNumberError(
            _(
                "Write the number as your tax office does, like 123-45-67890 or DE123456789:"
                " letters and digits, at most 30."
            )
        )
    seller.tax_number = shown
    seller.save(update_fields=["tax_number"])
    return seller


def _create(user: User, name: str, country: str) -> Seller:
    base = slugify(name, allow_unicode=True)[:_SLUG_MAX].strip("-_") or "seller"
    for number in itertools.count(1):
        slug = base if number == 1 else f"{base}-{number}"
        if Seller.objects.filter(slug=slug).exists():
            continue
        try:
            # Two who choose one name at once both see it free; the constraint picks one.
            with transaction.atomic():
                return Seller.objects.create(user=user, name=name, slug=slug, country=country)
        except IntegrityError:
            if existing := Seller.objects.filter(user=user).first():
                return existing
    raise AssertionError("count() does not end")
