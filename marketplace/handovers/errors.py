"""What can go wrong when something is lent, given or passed on.

* MarketplaceError
  + NotFoundError
    - HandoverNotFoundError      no such handover, or not between you and somebody
    - PresentNotFoundError       no such present from this account, or no such link
  + ConflictError
    - HandoverNotPossibleError   the seller, its state, or the receiver's library forbids it
    - HandoverClosedError        it has gone on, or ended, since the page was opened
    - PresentClosedError         it was taken, kept, sent elsewhere, or its money is gone
  + InvalidError
    - RecipientError             an address that nothing can be offered to
    - LoanTimeError              a number of days that is not allowed
    - SurrenderRefusedError      not the word that this device was asked for
"""

from __future__ import annotations

from marketplace.core.errors import ConflictError, InvalidError, NotFoundError

__all__ = [
    "HandoverClosedError",
    "HandoverNotFoundError",
    "HandoverNotPossibleError",
    "LoanTimeError",
    "PresentClosedError",
    "PresentNotFoundError",
    "RecipientError",
    "SurrenderRefusedError",
]


class HandoverNotFoundError(NotFoundError):
    code = "handover_not_found"


class HandoverNotPossibleError(ConflictError):
    code = "handover_not_possible"


class HandoverClosedError(ConflictError):
    code = "handover_closed"


class PresentNotFoundError(NotFoundError):
    code = "present_not_found"


class PresentClosedError(ConflictError):
    code = "present_closed"


class RecipientError(InvalidError):
    code = "invalid_recipient"


class LoanTimeError(InvalidError):
    code = "invalid_loan_time"


class SurrenderRefusedError(InvalidError):
    code = "surrender_refused"
