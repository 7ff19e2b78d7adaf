"""What can go wrong with entitlements and licences.

* MarketplaceError
  + NotFoundError
    - EntitlementNotFoundError   no such purchase, or not yours
    - LicenceNotFoundError       no such licence, or not of this device
    - ProofNotReadyError         no signed head of the audit log covers it yet
    - LogSizeUnknownError        no head of the audit log was signed at that size
  + NotAllowedError
    - EntitlementRevokedError    it was yours, and was taken back or passed on
    - EntitlementOverError       it was yours for a time, which is over
  + ConflictError
    - EntitlementConflictError   an order that already granted something else
    - HandingOverError           it is on its way to somebody else
    - SuspendedError             its payment is disputed: nothing new is issued
    - WasOpenedError             too late to withdraw from the purchase: it was fetched
    - PresentClosedError         a present that was claimed, or whose money is gone
    - TransitionError            an event that this state does not know
    - NotLeasedError             a licence that opens without leases
    - KeyCommitmentError         the key in custody is not the one that sealed the package
"""

from __future__ import annotations

from marketplace.core.errors import ConflictError, NotAllowedError, NotFoundError

__all__ = [
    "EntitlementConflictError",
    "EntitlementNotFoundError",
    "EntitlementOverError",
    "EntitlementRevokedError",
    "HandingOverError",
    "KeyCommitmentError",
    "LicenceNotFoundError",
    "LogSizeUnknownError",
    "NotLeasedError",
    "PresentClosedError",
    "ProofNotReadyError",
    "SuspendedError",
    "TransitionError",
    "WasOpenedError",
]


class EntitlementNotFoundError(NotFoundError):
    code = "entitlement_not_found"


class LicenceNotFoundError(NotFoundError):
    code = "licence_not_found"


class ProofNotReadyError(NotFoundError):
    code = "proof_not_ready"


class LogSizeUnknownError(NotFoundError):
    code = "log_size_unknown"


class EntitlementRevokedError(NotAllowedError):
    code = "revoked"


class EntitlementOverError(NotAllowedError):
    code = "expired"


class EntitlementConflictError(ConflictError):
    code = "entitlement_conflict"


class HandingOverError(ConflictError):
    code = "handing_over"


class SuspendedError(ConflictError):
    code = "suspended"


class PresentClosedError(ConflictError):
    code = "present_closed"


class WasOpenedError(ConflictError):
    code = "was_opened"


class TransitionError(ConflictError):
    code = "invalid_transition"


class NotLeasedError(ConflictError):
    code = "not_leased"


class KeyCommitmentError(ConflictError):
    code = "key_mismatch"
