"""What can go wrong with the ledger.

* MarketplaceError
  + ConflictError
    - LedgerError              a fault of the shop's own books
      . UnbalancedError        the lines do not sum to zero, or there are none
      . AlreadyBookedError     the same source was booked with other lines
    - NotEnoughError           an account would be overdrawn; `available` says what is there
"""

from __future__ import annotations

from marketplace.core.errors import ConflictError
from marketplace.core.money import Money

__all__ = ["AlreadyBookedError", "LedgerError", "NotEnoughError", "UnbalancedError"]


class LedgerError(ConflictError):
    code = "ledger"


class UnbalancedError(LedgerError):
    code = "ledger_unbalanced"


class AlreadyBookedError(LedgerError):
    code = "ledger_already_booked"


class NotEnoughError(ConflictError):
    code = "not_enough"

    def __init__(self, message: str, *, available: Money) -> None:
        super().__init__(message)
        self.available = available
