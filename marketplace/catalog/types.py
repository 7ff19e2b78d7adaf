from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import dataclass

from marketplace.catalog.models import Bundle, Category, Listing, ListingVersion, SalePeriod
from marketplace.core.money import Money

__all__ = [
    "Bundle",
    "BundleDetails",
    "BundleLine",
    "BundleOffer",
    "Category",
    "Cover",
    "Listing",
    "ListingDetails",
    "ListingVersion",
    "PriceTerms",
    "SalePeriod",
    "SaleTerms",
    "SaleWish",
]


@dataclass(frozen=True, slots=True)
class Cover:
    """A cover as we serve it: WebP that our own encoder wrote, in two sizes."""

    large: bytes
    small: bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class PriceTerms:
    """How a listing is priced, beside its price.

    `pricing`: fixed, open (buyers choose, from the price on; `suggested` is what their form
    begins with) or subscription (the price is paid each `interval`: month or year). `copies`:
    how many are sold at most, None for any number. `pool_bps`: hundredths of a percent of each
    sale for its delivery, None for the operator's.
    """

    pricing: str = "fixed"
    suggested: Money | None = None
    interval: str = ""
    copies: int | None = None
    pool_bps: int | None = None


@dataclass(frozen=True, slots=True)
class ListingDetails:
    """What a seller says of a listing, checked by ListingForm (or by whoever builds it).

    `cover` None keeps the present one, unless `remove_cover` is set. `pricing` None keeps how
    the listing is priced; a new one has one price.
    """

    title: str
    description: str
    price: Money
    category: Category
    tags: tuple[str, ...] = ()
    cover: Cover | None = None
    remove_cover: bool = False
    pricing: PriceTerms | None = None


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


@dataclass(frozen=True, kw_only=True, slots=True)
class SaleWish:
    """A sale period as its seller typed it: both ends as the clocks in `zone` (IANA) show them."""

    price: Money
    starts: dt.datetime
    ends: dt.datetime
    zone: str


@dataclass(frozen=True, kw_only=True, slots=True)
class BundleDetails:
    """What a seller says of a bundle; `listing_ids` in the order that buyers see."""

    title: str
    description: str
    price: Money
    listing_ids: tuple[uuid.UUID, ...]


@dataclass(frozen=True, slots=True)
class BundleLine:
    """One listing of a bundle for one buyer: its share of the price, and whether they get it.

    `price` is 0 for what they own already and for what cannot be bought now.
    """

    listing: Listing
    price: Money
    owned: bool
    available: bool

    @property
    def is_bought(self) -> bool:
        return self.available and not self.owned


@dataclass(frozen=True, slots=True)
class BundleOffer:
    """A bundle for one buyer: the lines, and what is to be paid for those that are bought.

    `apart` is what these cost one by one, `taken_off` how much less than the bundle's price is
    asked because the rest is owned or not to be had.
    """

    bundle: Bundle
    lines: tuple[BundleLine, ...]
    price: Money
    apart: Money
    taken_off: Money

    @property
    def bought(self) -> tuple[BundleLine, ...]:
        return tuple(line for line in self.lines if line.is_bought)
