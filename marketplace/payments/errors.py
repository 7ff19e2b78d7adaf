"""What can go wrong with payments.

* MarketplaceError
  + ConflictError
    - PaymentsUnavailableError   Stripe cannot be reached; trying again is safe
    - PaymentRefusedError        Stripe refused the request; `stripe_code` says why
      . SessionNotOpenError      the hosted page is paid or expired already
      . RefundRefusedError
    - PaymentMismatchError       Stripe's object is not about the amount that we asked for
    - PaymentClosedError         the order's payment is over; it takes a new order
    - NothingToRefundError
  + NotFoundError
    - PaymentNotFoundError
  + InvalidError
    - WebhookSignatureError      not from Stripe, too old, or changed on the way
"""

from __future__ import annotations

from marketplace.core.errors import ConflictError, InvalidError, NotFoundError

__all__ = [
    "NothingToRefundError",
    "PaymentClosedError",
    "PaymentMismatchError",
    "PaymentNotFoundError",
    "PaymentRefusedError",
    "PaymentsUnavailableError",
    "RefundRefusedError",
    "SessionNotOpenError",
    "WebhookSignatureError",
]


class PaymentsUnavailableError(ConflictError):
    code = "payments_unavailable"


class PaymentRefusedError(ConflictError):
    code = "payment_refused"

    def __init__(self, message: str, *, stripe_code: str | None = None) -> None:
        super().__init__(message)
        self.stripe_code = stripe_code


class SessionNotOpenError(PaymentRefusedError):
    code = "session_not_open"


class RefundRefusedError(PaymentRefusedError):
    code = "refund_refused"


class PaymentMismatchError(ConflictError):
    code = "payment_mismatch"


class PaymentClosedError(ConflictError):
    code = "payment_closed"


class NothingToRefundError(ConflictError):
    code = "nothing_to_refund"


class PaymentNotFoundError(NotFoundError):
    code = "payment_not_found"


class WebhookSignatureError(InvalidError):
    code = "bad_signature"
