"""Whether what a seller says of a code fits together."""

from __future__ import annotations

import datetime as dt
import zoneinfo
from collections.abc import Sequence
from typing import Final

from django.utils.translation import gettext as _

from marketplace.accounts.types import User
from marketplace.catalog import queries as catalog
from marketplace.catalog.types import Listing
from marketplace.core.money import MAX_CHARGE, Money
from marketplace.core.text import clean_line
from marketplace.discounts.errors import CodeTermsError
from marketplace.discounts.texts import LONGEST, SHORTEST, normalised
from marketplace.discounts.types import CodeTerms

__all__ = ["MOST_USES", "check_code"]

MOST_USES: Final = 1_000_000


def check_code(*, seller: User, terms: CodeTerms, now: dt.datetime) -> Sequence[Listing]:
    """The chosen listings of `seller`; raises CodeTermsError, with the name of the field."""
    _check_text(terms.text)
    _check_amounts(terms)
    _check_times(terms, now=now)
    for field in ("total_limit", "buyer_limit"):
        limit = getattr(terms, field)
        if limit is not None and not 1 <= limit <= MOST_USES:
            raise CodeTermsError(field, _("Choose from 1 to %(most)d.") % {"most": MOST_USES})
    chosen = list(catalog.listings_of(seller).filter(pk__in=terms.listing_ids))
    if len(chosen) != len(terms.listing_ids):
        raise CodeTermsError("listings", _("Choose among your own listings."))
    return chosen


def _check_text(text: str) -> None:
    length = len(normalised(text))
    if (
        not SHORTEST <= length <= LONGEST
        or text.strip() != clean_line(text)
        or len(text.strip()) > LONGEST
    ):
        raise CodeTermsError(
            "text",
            _("A code has %(least)d to %(most)d letters and digits.")
            % {"least": SHORTEST, "most": LONGEST},
        )


def _check_amounts(terms: CodeTerms) -> None:
    if (terms.percent is None) == (terms.amount is None):
        raise CodeTermsError("percent", _("Give either a percentage or an amount."))
    if terms.percent is not None and not 1 <= terms.percent <= 100:
        raise CodeTermsError("percent", _("Choose from 1 to 100 percent."))
    for field, money in (("amount", terms.amount), ("minimum", terms.minimum)):
        if money is not None and not 1 <= money.minor <= MAX_CHARGE:
            raise CodeTermsError(
                field,
                _("Choose more than zero and at most %(most)s.")
                % {"most": Money(MAX_CHARGE, money.currency).localised()},
            )
    if terms.amount and terms.minimum and terms.amount.currency != terms.minimum.currency:
        raise CodeTermsError("minimum", _("Give both amounts in one currency."))


def _check_times(terms: CodeTerms, *, now: dt.datetime) -> None:
    if terms.zone not in zoneinfo.available_timezones():
        raise CodeTermsError("zone", _("Choose a time zone from the list."))
    if terms.ends_at is None:
        return
    if terms.ends_at <= terms.starts_at:
        raise CodeTermsError("ends_at", _("A code ends after it has begun."))
    if terms.ends_at <= now:
        raise CodeTermsError("ends_at", _("That is past already. Choose a later time."))
