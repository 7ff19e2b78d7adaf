"""What can go wrong while buying and refunding; each message is a sentence for its reader.

* MarketplaceError
  + ConflictError
    - TermsChangedError      the listing was changed after the buyer saw it
    - WithdrawnError         the listing was taken off sale after the buyer began
    - StillProcessingError   an earlier payment for the same thing is under way
    - RefundNotPossibleError nothing was paid, or it went back already
    - TooManyCodesError      too many discount codes that nobody made
  + InvalidError
    - SeveralCurrenciesError one payment is in one currency
"""

from __future__ import annotations

from marketplace.core.errors import ConflictError, InvalidError

__all__ = [
    "RefundNotPossibleError",
    "SeveralCurrenciesError",
    "StillProcessingError",
    "TermsChangedError",
    "TooManyCodesError",
    "WithdrawnError",
]


class TermsChangedError(ConflictError):
    code = "terms_changed"


class WithdrawnError(ConflictError):
    code = "withdrawn"


class StillProcessingError(ConflictError):
    code = "still_processing"


class TooManyCodesError(ConflictError):
    code = "too_many_codes"


class SeveralCurrenciesError(InvalidError):
    code = "several_currencies"


class RefundNotPossibleError(ConflictError):
    code = "refund_not_possible"
