from __future__ import annotations

from dataclasses import dataclass

from marketplace.catalog.models import Category, Listing, ListingVersion
from marketplace.core.money import Money

__all__ = ["Category", "Cover", "Listing", "ListingDetails", "ListingVersion", "SaleTerms"]


@dataclass(frozen=True, slots=True)
class Cover:
    """A cover as we serve it: WebP that our own encoder wrote, in two sizes."""

    large: bytes
    small: bytes


@dataclass(frozen=True, slots=True)
class ListingDetails:
    """What a seller says of a listing, checked by ListingForm (or by whoever builds it).

    `cover` None keeps the present one, unless `remove_cover` is set.
    """

    title: str
    description: str
    price: Money
    category: Category
    tags: tuple[str, ...] = ()
    cover: Cover | None = None
    remove_cover: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class SaleTerms:
    """What a seller offers. A rental has hours to watch, from the first play on, and days to
    begin; perhaps a number of plays. `lend_days`: the longest loan, None for none.
    """

    may_save: bool = False
    rental_hours: int | None = None
    start_days: int | None = None
    plays: int | None = None
    lend_days: int | None = None
    transferable: bool = False
    giftable: bool = False
