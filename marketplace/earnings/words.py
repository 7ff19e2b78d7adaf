"""What a line of a statement says, in plain words."""

from __future__ import annotations

from collections.abc import Callable

from django.utils.translation import gettext as _

from marketplace.ledger.types import EntryKind

__all__ = ["words_for"]

_K = EntryKind


def words_for(kind: str, *, title: str, memo: str) -> str:
    """One line for a seller: what happened, with the title of what was sold where there is one."""
    if kind == _K.ADJUSTMENT:
        return memo or _("Correction by the shop")
    sentence = _ABOUT.get(kind) if title else None
    if sentence is not None:
        return sentence() % {"title": title}
    return _PLAIN[kind]() if kind in _PLAIN else memo or kind


# Functions, since the language is the reader's.
_ABOUT: dict[str, Callable[[], str]] = {
    _K.CHARGE: lambda: _("Sale of “%(title)s”"),
    _K.RENEWAL: lambda: _("Subscription to “%(title)s”"),
    _K.REFUND: lambda: _("Refund of “%(title)s”"),
    _K.REFUND_FAILED: lambda: _("Refund of “%(title)s” came back from the buyer’s bank"),
    _K.DISPUTE_OPENED: lambda: _("The buyer’s bank disputes “%(title)s”"),
    _K.DISPUTE_WON: lambda: _("Dispute of “%(title)s” won: the money is yours again"),
    _K.DISPUTE_LOST: lambda: _("Dispute of “%(title)s” lost"),
    _K.POOL_CLOSED: lambda: _("What the delivery of “%(title)s” did not need"),
}
_PLAIN: dict[str, Callable[[], str]] = {
    _K.CHARGE: lambda: _("Sale"),
    _K.RENEWAL: lambda: _("Subscription"),
    _K.REFUND: lambda: _("Refund"),
    _K.REFUND_FAILED: lambda: _("A refund came back from the buyer’s bank"),
    _K.DISPUTE_OPENED: lambda: _("A buyer’s bank disputes a payment"),
    _K.DISPUTE_WON: lambda: _("Dispute won: the money is yours again"),
    _K.DISPUTE_LOST: lambda: _("Dispute lost"),
    _K.DISPUTE_FEE: lambda: _("Fee of a dispute"),
    _K.PAYOUT_STARTED: lambda: _("Payout to your bank"),
    _K.PAYOUT_RETURNED: lambda: _("A payout came back"),
    _K.POOL_CLOSED: lambda: _("What deliveries did not need"),
    _K.CREDIT_GRANTED: lambda: _("Credit from the shop"),
    _K.CREDIT_HELD: lambda: _("Set aside for an order"),
    _K.CREDIT_RELEASED: lambda: _("Given back: the order was not paid"),
    _K.REWARD: lambda: _("Earned by delivering"),
}
