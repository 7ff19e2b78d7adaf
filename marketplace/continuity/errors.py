"""What can go wrong with preparing the end of the shop.

* MarketplaceError
  + NotFoundError
    - RecoveryKeyNotFoundError   the account has no recovery key
  + InvalidError
    - RecoveryKeyError           keys that cannot be used, or do not vouch for each other
    - TrusteesError              a number of trustees that makes no sense, or no place to write to
"""

from __future__ import annotations

from marketplace.core.errors import InvalidError, NotFoundError

__all__ = ["RecoveryKeyError", "RecoveryKeyNotFoundError", "TrusteesError"]


class RecoveryKeyNotFoundError(NotFoundError):
    code = "recovery_key_not_found"


class RecoveryKeyError(InvalidError):
    code = "recovery_key"


class TrusteesError(InvalidError):
    code = "trustees"
