"""What can go wrong with listings.

* MarketplaceError
  + NotFoundError
    - ListingNotFoundError   no such listing, not on sale, or not yours
    - CategoryNotFoundError
    - TagNotFoundError
    - CoverNotFoundError
    - VersionNotFoundError
    - BundleNotFoundError    no such bundle, not on sale, or not yours
    - SaleNotFoundError
  + ConflictError
    - ListingNotReadyError   the listing's status does not allow this now
    - BundleNotReadyError    the bundle's status, or that of what is in it
    - SoldOutError           no copy of the edition is left
  + NotAllowedError
    - NotASellerError
  + InvalidError
    - PriceError             core's: no price that can be charged and leaves something
    - TagError
    - PricingError           how a listing, a sale or a bundle is priced; `field` says where
    - TermsError             what is sold does not fit together; `field` says where
    - CoverError             no picture that we can show
"""

from __future__ import annotations

from marketplace.core.errors import ConflictError, InvalidError, NotAllowedError, NotFoundError
from marketplace.core.fees import PriceError

__all__ = [
    "BundleNotFoundError",
    "BundleNotReadyError",
    "CategoryNotFoundError",
    "CoverError",
    "CoverNotFoundError",
    "ListingNotFoundError",
    "ListingNotReadyError",
    "NotASellerError",
    "PriceError",
    "PricingError",
    "SaleNotFoundError",
    "SoldOutError",
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


class BundleNotFoundError(NotFoundError):
    code = "bundle_not_found"


class SaleNotFoundError(NotFoundError):
    code = "sale_not_found"


class ListingNotReadyError(ConflictError):
    code = "listing_not_ready"


class BundleNotReadyError(ConflictError):
    code = "bundle_not_ready"


class SoldOutError(ConflictError):
    code = "sold_out"


class NotASellerError(NotAllowedError):
    code = "not_a_seller"


class TagError(InvalidError):
    code = "invalid_tag"


class PricingError(InvalidError):
    code = "invalid_pricing"

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


class TermsError(InvalidError):
    code = "invalid_terms"

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


class CoverError(InvalidError):
    code = "invalid_cover"
