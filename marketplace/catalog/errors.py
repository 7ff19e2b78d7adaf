"""What can go wrong with listings.

* MarketplaceError
  + NotFoundError
    - ListingNotFoundError   no such listing, not on sale, or not yours
    - CategoryNotFoundError
    - TagNotFoundError
    - CoverNotFoundError
    - VersionNotFoundError
  + ConflictError
    - ListingNotReadyError   the listing's status does not allow this now
  + NotAllowedError
    - NotASellerError
  + InvalidError
    - PriceError             core's: no price that can be charged and leaves something
    - TagError
    - TermsError             what is sold does not fit together; `field` says where
    - CoverError             no picture that we can show
"""

from __future__ import annotations

from marketplace.core.errors import ConflictError, InvalidError, NotAllowedError, NotFoundError
from marketplace.core.fees import PriceError

__all__ = [
    "CategoryNotFoundError",
    "CoverError",
    "CoverNotFoundError",
    "ListingNotFoundError",
    "ListingNotReadyError",
    "NotASellerError",
    "PriceError",
    "TagError",
    "TagNotFoundError",
    "TermsError",
    "VersionNotFoundError",
]


class ListingNotFoundError(NotFoundError):
    code = "listing_not_found"


class CategoryNotFoundError(NotFoundError):
    code = "category_not_found"


class TagNotFoundError(NotFoundError):
    code = "tag_not_found"


class CoverNotFoundError(NotFoundError):
    code = "cover_not_found"


class VersionNotFoundError(NotFoundError):
    code = "version_not_found"


class ListingNotReadyError(ConflictError):
    code = "listing_not_ready"


class NotASellerError(NotAllowedError):
    code = "not_a_seller"


class TagError(InvalidError):
    code = "invalid_tag"


class TermsError(InvalidError):
    code = "invalid_terms"

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


class CoverError(InvalidError):
    code = "invalid_cover"
