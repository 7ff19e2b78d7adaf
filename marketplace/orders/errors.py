"""What can go wrong with orders.

* MarketplaceError
  + NotFoundError
    - OrderNotFoundError     no such order, or not yours
  + ConflictError
    - AlreadyOwnedError      the buyer has paid for this listing before
    - LiveOrderExistsError   another order for the same listing is pending or paid
    - OrderStateError        the order's state does not allow this
    - CartFullError          a cart holds no more than it does
  + NotAllowedError
    - OwnListingError        a seller cannot buy from themselves
"""

from __future__ import annotations

from marketplace.core.errors import ConflictError, NotAllowedError, NotFoundError

__all__ = [
    "AlreadyOwnedError",
    "CartFullError",
    "LiveOrderExistsError",
    "OrderNotFoundError",
    "OrderStateError",
    "OwnListingError",
]


class OrderNotFoundError(NotFoundError):
    code = "order_not_found"


class AlreadyOwnedError(ConflictError):
    code = "already_owned"


class LiveOrderExistsError(ConflictError):
    code = "live_order_exists"


class OrderStateError(ConflictError):
    code = "order_state"


class CartFullError(ConflictError):
    code = "cart_full"


class OwnListingError(NotAllowedError):
    code = "own_listing"
