"""Whether a buyer can use a code now."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Collection

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from marketplace.accounts.types import User
from marketplace.discounts.errors import (
    CodeNotBegunError,
    CodeOverError,
    CodeUnknownError,
    CodeUsedByYouError,
    CodeUsedUpError,
)
from marketplace.discounts.models import Code, Redemption
from marketplace.discounts.texts import normalised

__all__ = ["check_uses", "find", "running", "told_apart"]

_State = Redemption.State
_COUNTED = [_State.RESERVED, _State.USED]


def find(text: str) -> Code:
    """The code that reads like `text`. Raises CodeUnknownError."""
    code = Code.objects.filter(text=normalised(text)).first()
    if code is None:
        shown = " ".join(text.split())[:40]
        raise CodeUnknownError(
            _("We do not know the code “%(code)s”. Look whether it is typed as you got it.")
            % {"code": shown}
        )
    return code


def running(code: Code, *, now: dt.datetime) -> Code:
    """The code, within its time. Raises CodeNotBegunError, CodeOverError."""
    match code.state(now):
        case "waiting":
            raise CodeNotBegunError(
                _("The code “%(code)s” works later, not yet.") % {"code": code.shown}
            )
        case "over":
            raise CodeOverError(_("The code “%(code)s” has ended.") % {"code": code.shown})
    return code


def check_uses(code: Code, buyer: User | None, *, besides: Collection[uuid.UUID] = ()) -> None:
    """Raises CodeUsedUpError, CodeUsedByYouError where no use is left for `buyer`.

    What the bills `besides` hold is not counted.
    """
    uses = Redemption.objects.filter(code=code, state__in=_COUNTED)
    if besides:
        uses = uses.exclude(bill_id__in=besides)
    if buyer is not None and code.buyer_limit is not None:
        own = list(uses.filter(buyer_id=buyer.pk).values_list("state", flat=True))
        if len(own) >= code.buyer_limit:
            raise CodeUsedByYouError(_used_by_you(code, waiting=_State.RESERVED in own))
    if code.total_limit is not None and uses.count() >= code.total_limit:
        raise CodeUsedUpError(
            _("The code “%(code)s” has been used as often as it can be.") % {"code": code.shown}
        )


def told_apart(code: Code) -> frozenset[uuid.UUID]:
    """The listings that a code is for, where it is not for everything."""
    if code.everything:
        return frozenset()
    return frozenset(code.listings.values_list("pk", flat=True))


def _used_by_you(code: Code, *, waiting: bool) -> str:
    names = {"code": code.shown, "times": code.buyer_limit}
    if waiting:
        return (
            _(
                "You have entered the code “%(code)s” for a payment that is still open. Finish"
                " that one, or wait until it has expired."
            )
            % names
        )
    return (
        ngettext(
            "You have used the code “%(code)s” already; it works once for each buyer.",
            "You have used the code “%(code)s” already; it works %(times)d times for each buyer.",
            code.buyer_limit or 1,
        )
        % names
    )
