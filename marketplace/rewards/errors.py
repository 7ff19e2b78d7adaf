"""What can go wrong with rewards.

* MarketplaceError
  + ConflictError
    - ReserveUsedUpError    a rival gave what was left of the operator's reserve; nothing was
"""

from __future__ import annotations

from marketplace.core.errors import ConflictError

__all__ = ["ReserveUsedUpError"]


class ReserveUsedUpError(ConflictError):
    code = "reserve_used_up"
