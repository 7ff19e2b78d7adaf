"""Becoming a seller."""

from __future__ import annotations

import itertools

from django.db import IntegrityError, transaction
from django.utils.text import slugify
from django.utils.translation import gettext as _
from django_countries import countries

from marketplace.accounts.errors import CountryError, SellerNameError
from marketplace.accounts.models import NAME_MAX, Seller, User
from marketplace.core.text import can_be_seen, clean_line

__all__ = ["become_seller"]

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
