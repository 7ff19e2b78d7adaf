"""What can go wrong while buying and refunding; each message is a sentence for its reader.

* MarketplaceError
  + ConflictError
    - TermsChangedError      the listing was changed after the buyer saw it
    - WithdrawnError         the listing was taken off sale after the buyer began
    - StillProcessingError   an earlier payment for the same thing is under way
    - AlreadySubscribedError the buyer has it already; `order_id` began it, if it still runs
    - SubscriptionOnlyError  what is subscribed to is not bought, and in no cart
    - CartChangedError       the cart is not what the pressed page showed
    - RefundNotPossibleError nothing was paid, or it went back already
    - WithdrawalNotPossibleError  not paid, disputed, or too late
    - NotYoursToAnswerError  a dispute of several sellers' sales: the operator answers
    - TooManyCodesError      too many discount codes that nobody made
  + NotFoundError
    - NoReceiptError         nothing was paid, or not yet
  + InvalidError
    - SeveralCurrenciesError one payment is in one currency
"""

from __future__ import annotations

import uuid

from django.utils.translation import gettext as _

from marketplace.core.errors import ConflictError, InvalidError, NotFoundError

__all__ = [
    "AlreadySubscribedError",
    "CartChangedError",
    "NoReceiptError",
    "NotYoursToAnswerError",
    "RefundNotPossibleError",
    "SeveralCurrenciesError",
    "StillProcessingError",
    "SubscriptionOnlyError",
    "TermsChangedError",
    "TooManyCodesError",
    "WithdrawalNotPossibleError",
    "WithdrawnError",
]


class TermsChangedError(ConflictError):
    code = "terms_changed"


class WithdrawnError(ConflictError):
    code = "withdrawn"


class StillProcessingError(ConflictError):
    code = "still_processing"


class AlreadySubscribedError(ConflictError):
    code = "already_subscribed"

    def __init__(self, order_id: uuid.UUID | None) -> None:
        if order_id is None:
            sentence = _("You can open this already: it is in your library. Nothing was charged.")
        else:
            sentence = _("You subscribe to this already. Nothing was charged.")
        super().__init__(sentence)
        self.order_id = order_id


class SubscriptionOnlyError(ConflictError):
    code = "subscription_only"


class TooManyCodesError(ConflictError):
    code = "too_many_codes"


class SeveralCurrenciesError(InvalidError):
    code = "several_currencies"


class CartChangedError(ConflictError):
    code = "cart_changed"


class NoReceiptError(NotFoundError):
    code = "no_receipt"


class RefundNotPossibleError(ConflictError):
    code = "refund_not_possible"


class WithdrawalNotPossibleError(ConflictError):
    code = "withdrawal_not_possible"


class NotYoursToAnswerError(ConflictError):
    code = "not_yours_to_answer"
