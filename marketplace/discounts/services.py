"""Changes to discount codes, and their uses.

A use is counted when a bill opens, behind the lock of the code, so that two buyers never
share a last one; it is free again when the bill is closed unpaid.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Collection, Sequence

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from marketplace.accounts.types import User
from marketplace.discounts.checking import check_uses, find, running, told_apart
from marketplace.discounts.errors import CodeNotFoundError, CodeTakenError
from marketplace.discounts.locks import lock_code, lock_redemption
from marketplace.discounts.models import Code, Redemption
from marketplace.discounts.reckoning import reckon
from marketplace.discounts.terms import check_code
from marketplace.discounts.texts import LONGEST, SHORTEST, new_text, normalised
from marketplace.discounts.types import CodeTerms, Discount, DiscountLine

__all__ = [
    "LONGEST",
    "SHORTEST",
    "check_code",
    "create_code",
    "end_code",
    "new_text",
    "preview",
    "release",
    "reserve",
    "use",
]

_State = Redemption.State


@transaction.atomic
def create_code(*, seller: User, terms: CodeTerms, now: dt.datetime) -> Code:
    """A new code of `seller`. Its terms never change: end it, and make another.

    Raises CodeTermsError, CodeTakenError.
    """
    chosen = check_code(seller=seller, terms=terms, now=now)
    amounts = [money for money in (terms.amount, terms.minimum) if money is not None]
    code = Code(
        seller=seller,
        shown=terms.text.strip(),
        text=normalised(terms.text),
        kind=Code.Kind.PERCENT if terms.amount is None else Code.Kind.AMOUNT,
        percent=terms.percent,
        amount_minor=terms.amount.minor if terms.amount else None,
        minimum_minor=terms.minimum.minor if terms.minimum else 0,
        currency=amounts[0].currency if amounts else "",
        everything=not terms.listing_ids,
        starts_at=terms.starts_at,
        ends_at=terms.ends_at,
        zone=terms.zone,
        total_limit=terms.total_limit,
        buyer_limit=terms.buyer_limit,
    )
    try:
        with transaction.atomic():
            code.save(force_insert=True)
    except IntegrityError:
        raise CodeTakenError(
            _("The code “%(code)s” is taken. Add a word or a number to it.") % {"code": code.shown}
        ) from None
    code.listings.set(chosen)
    return code


@transaction.atomic
def end_code(*, code_id: uuid.UUID, seller: User, now: dt.datetime) -> Code:
    """Switch a code off for good; said again, nothing changes.

    Who has a payment open with it may still pay at that price. Raises CodeNotFoundError, also
    where it is another's.
    """
    if not Code.objects.filter(pk=code_id, seller_id=seller.pk).exists():
        raise CodeNotFoundError(str(code_id))
    code = lock_code(code_id)
    if code.ended_at is None:
        code.ended_at = now
        code.save(update_fields=["ended_at"])
    return code


def preview(
    *,
    text: str,
    buyer: User | None,
    lines: Sequence[DiscountLine],
    now: dt.datetime,
    besides: Collection[uuid.UUID] = (),
) -> Discount:
    """What the code `text` would take off `lines`, which are in one currency.

    Nothing is counted and nothing is promised: `reserve` decides. `buyer` None is somebody
    who has not logged in; what the bills `besides` hold is not counted, since they would be closed
    or gone on with. Raises CodeNotUsableError (its kinds say why).
    """
    code = running(find(text), now=now)
    check_uses(code, buyer, besides=besides)
    return reckon(code, lines, told_apart(code))


@transaction.atomic
def reserve(
    *,
    text: str,
    buyer: User,
    bill_id: uuid.UUID,
    lines: Sequence[DiscountLine],
    now: dt.datetime,
) -> Discount:
    """Take a use of the code for the bill, behind the lock of the code.

    Asked again for the same bill, it counts once. Raises CodeNotUsableError; then nothing was
    counted.
    """
    code = lock_code(find(text).pk)
    known = Redemption.objects.filter(bill_id=bill_id).first()
    if known is not None:
        assert (known.code_id, known.buyer_id) == (code.pk, buyer.pk), "a bill keeps its code"
        return reckon(code, lines, told_apart(code))
    running(code, now=now)
    check_uses(code, buyer)
    discount = reckon(code, lines, told_apart(code))
    Redemption.objects.create(
        code=code,
        buyer=buyer,
        bill_id=bill_id,
        amount_minor=discount.total.minor,
        currency=discount.total.currency,
        changed_at=now,
    )
    return discount


@transaction.atomic
def use(*, bill_id: uuid.UUID, now: dt.datetime) -> bool:
    """The bill was paid. Returns whether that is news; False also where it has no code.

    One that had expired counts again, be it one more than the limit: the buyer has paid the
    price that they were shown.
    """
    return _advance(bill_id, _State.USED, after=(_State.RESERVED, _State.RELEASED), now=now)


@transaction.atomic
def release(*, bill_id: uuid.UUID, now: dt.datetime) -> bool:
    """The bill will not be paid: the use is free again. Returns whether that is news."""
    return _advance(bill_id, _State.RELEASED, after=(_State.RESERVED,), now=now)


def _advance(bill_id: uuid.UUID, state: str, *, after: tuple[str, ...], now: dt.datetime) -> bool:
    redemption = lock_redemption(bill_id)
    if redemption is None or redemption.state not in after:
        return False
    redemption.state = state
    redemption.changed_at = now
    redemption.save(update_fields=["state", "changed_at"])
    return True
