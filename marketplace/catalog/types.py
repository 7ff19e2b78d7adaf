from __future__ import annotations

from dataclasses import dataclass

from marketplace.catalog.models import Category, Listing, ListingVersion
from marketplace.core.money import Money

__all__ = ["Category", "Cover", "Listing", "ListingDetails", "ListingVersion"]


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
