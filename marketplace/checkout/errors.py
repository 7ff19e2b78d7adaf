"""What can go wrong while buying and refunding; each message is a sentence for its reader.

* MarketplaceError
  + ConflictError
    - TermsChangedError      the listing was changed after the buyer saw it
    - WithdrawnError         the listing was taken off sale after the buyer began
    - RefundNotPossibleError nothing was paid, or it went back already
"""

from __future__ import annotations

from marketplace.core.errors import ConflictError

__all__ = ["RefundNotPossibleError", "TermsChangedError", "WithdrawnError"]


class TermsChangedError(ConflictError):
    code = "terms_changed"


class WithdrawnError(ConflictError):
    code = "withdrawn"


class RefundNotPossibleError(ConflictError):
    code = "refund_not_possible"
