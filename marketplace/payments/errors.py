"""What can go wrong with payments.

* MarketplaceError
  + ConflictError
    - PaymentsUnavailableError   Stripe cannot be reached; trying again is safe
    - PaymentRefusedError        Stripe refused the request; `stripe_code` says why
      . SessionNotOpenError      the hosted page is paid or expired already
      . RefundRefusedError
      . AccountRefusedError      Stripe opens no account for this seller, or has closed it
      . TransferRefusedError     to a seller's account, or back from it
      . PayoutRefusedError
      . SubscriptionEndedError   it is over at Stripe, so nothing of it can be changed
      . EvidenceRefusedError     Stripe does not take a file or an answer in a dispute
    - PaymentMismatchError       Stripe's object is not about the amount that we asked for
    - PaymentClosedError         the order's payment is over; it takes a new order
    - NothingToRefundError
    - NotPaidByStripeError       Stripe pays nobody in this country; bank details are needed
    - BatchPaidError             a bank batch is marked paid once
    - DisputeClosedError         the bank takes no answer any more
  + NotFoundError
    - PaymentNotFoundError
    - SubscriptionNotFoundError
    - PayoutNotFoundError        no such payout, or batch of them
    - DisputeNotFoundError
  + InvalidError
    - BankDetailsError           a field cannot be right; `field` names it
    - EvidenceInvalidError       a text too long, a file of a kind that no bank reads
    - WebhookSignatureError      not from Stripe, too old, or changed on the way
"""

from __future__ import annotations

from marketplace.core.errors import ConflictError, InvalidError, NotFoundError

__all__ = [
    "AccountRefusedError",
    "BankDetailsError",
    "BatchPaidError",
    "DisputeClosedError",
    "DisputeNotFoundError",
    "EvidenceInvalidError",
    "EvidenceRefusedError",
    "NotPaidByStripeError",
    "NothingToRefundError",
    "PaymentClosedError",
    "PaymentMismatchError",
    "PaymentNotFoundError",
    "PaymentRefusedError",
    "PaymentsUnavailableError",
    "PayoutNotFoundError",
    "PayoutRefusedError",
    "RefundRefusedError",
    "SessionNotOpenError",
    "SubscriptionEndedError",
    "SubscriptionNotFoundError",
    "TransferRefusedError",
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


class EvidenceRefusedError(PaymentRefusedError):
    code = "evidence_refused"


class AccountRefusedError(PaymentRefusedError):
    code = "account_refused"


class TransferRefusedError(PaymentRefusedError):
    code = "transfer_refused"


class PayoutRefusedError(PaymentRefusedError):
    code = "payout_refused"


class SubscriptionEndedError(PaymentRefusedError):
    code = "subscription_ended"


class PaymentMismatchError(ConflictError):
    code = "payment_mismatch"


class PaymentClosedError(ConflictError):
    code = "payment_closed"


class NothingToRefundError(ConflictError):
    code = "nothing_to_refund"


class DisputeClosedError(ConflictError):
    code = "dispute_closed"


class NotPaidByStripeError(ConflictError):
    code = "not_paid_by_stripe"


class BatchPaidError(ConflictError):
    code = "batch_paid"


class PayoutNotFoundError(NotFoundError):
    code = "payout_not_found"


class SubscriptionNotFoundError(NotFoundError):
    code = "subscription_not_found"


class PaymentNotFoundError(NotFoundError):
    code = "payment_not_found"


class DisputeNotFoundError(NotFoundError):
    code = "dispute_not_found"


class EvidenceInvalidError(InvalidError):
    code = "evidence_invalid"


class BankDetailsError(InvalidError):
    """A field of the bank details cannot be right; `field` names it."""

    code = "bad_bank_details"

    def __init__(self, message: str, *, field: str) -> None:
        super().__init__(message)
        self.field = field


class WebhookSignatureError(InvalidError):
    code = "bad_signature"
