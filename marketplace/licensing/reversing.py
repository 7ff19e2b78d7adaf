"""What becomes of an entitlement when the money for it moves: back, in dispute, back again.

Each function names an order and a `cause`, the same for the same fact however often it is
told, as "refund:<id>" or "dispute:<id>": it counts once, and what comes late changes
nothing that a later word has settled. What was passed on is reached at whoever has it by
now. All may be called in the transaction that moves the money.
"""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Final, Literal

from django.db import transaction
from django.utils.translation import gettext as _

from marketplace.licensing.errors import WasOpenedError
from marketplace.licensing.granting import is_known, record_event, tell
from marketplace.licensing.models import Entitlement, EntitlementEvent
from marketplace.licensing.states import DISPUTES, MONEY_BACK
from marketplace.licensing.terms import is_untouched

__all__ = [
    "charge_back",
    "fail_late",
    "note",
    "restore",
    "resume",
    "revoke",
    "say_again",
    "suspend",
    "withdraw",
]

_Kind = Entitlement.Kind
_Event = EntitlementEvent.Kind
_State = Entitlement.State
# In which an entitlement is whole, as far as money goes.
_WHOLE: Final = (_State.ACTIVE, _State.GIVEN)
_STILL: Final = "still"


@transaction.atomic
def revoke(*, order_id: uuid.UUID, cause: str, now: dt.datetime) -> bool:
    """All the money went back, so take back what the order granted.

    Returns whether an entitlement ended by this call: False where it had ended before, or
    where the order never granted anything.
    """
    return _end(order_id, _Event.REFUNDED, cause, now=now)


@transaction.atomic
def withdraw(
    *, order_id: uuid.UUID, cause: str, now: dt.datetime, only_unopened: bool = False
) -> bool:
    """The buyer withdrew from the purchase, as the law lets them: take it back, as `revoke`.

    `only_unopened`: raises WasOpenedError where any device got a licence, or somebody else
    has had it; then nothing was changed. Nothing happens where it was taken back before.
    """
    root = _locked(order_id)
    if only_unopened and root is not None and root.state == _State.REVOKED:
        return False  # it was withdrawn from already
    if only_unopened and (root is None or not is_untouched(root)):
        raise WasOpenedError(
            _(
                "This was fetched to a device, lent or passed on, so it cannot be withdrawn from"
                " any more. Ask the seller for a refund."
            )
        )
    return _end(order_id, _Event.WITHDRAWN, cause, now=now)


@transaction.atomic
def fail_late(*, order_id: uuid.UUID, cause: str, now: dt.datetime) -> bool:
    """The payment failed after it had counted as paid: take it back, as `revoke`.

    `restore` gives it back where the money comes after all.
    """
    return _end(order_id, _Event.PAYMENT_FAILED, cause, now=now)


@transaction.atomic
def restore(*, order_id: uuid.UUID, cause: str, now: dt.datetime) -> bool:
    """Give back what `revoke`, `withdraw` or `fail_late` took: the money is here again.

    A loan that ended by it stays ended. Returns whether an entitlement came back by this call.
    """
    root = _locked(order_id)
    source = f"order:{order_id}:{cause}"
    if root is None or is_known(source) or _money_went(root) is None:
        return False
    return _give_back(root, root, _Event.RESTORED, source, now=now)


@transaction.atomic
def suspend(*, order_id: uuid.UUID, cause: str, now: dt.datetime) -> bool:
    """A dispute was opened: what devices hold goes on opening, and nothing new is issued.

    `cause` names the dispute, and is the same in `resume` and `charge_back`; told after one
    of them it changes nothing. Returns whether an entitlement was suspended by this call.
    """
    root = _locked(order_id)
    if root is None or _told_of(root).get(_dispute(order_id, cause)) is not None:
        return False
    source = f"{_dispute(order_id, cause)}:{_Event.DISPUTE_OPENED}"
    return _cascade(root, _Event.DISPUTE_OPENED, source, now=now, message="licence.changed")


@transaction.atomic
def resume(*, order_id: uuid.UUID, cause: str, now: dt.datetime) -> bool:
    """The dispute was won, or withdrawn: what it suspended or took opens again.

    Unless another dispute is open, or the money is gone for another cause. Returns whether
    an entitlement came back by this call.
    """
    root = _locked(order_id)
    source = f"{_dispute(order_id, cause)}:{_Event.DISPUTE_WON}"
    if root is None or is_known(source):
        return False
    return _give_back(root, root, _Event.DISPUTE_WON, source, now=now)


@transaction.atomic
def charge_back(*, order_id: uuid.UUID, cause: str, now: dt.datetime) -> bool:
    """The dispute was lost: take back what the order granted.

    Returns whether an entitlement ended by this call.
    """
    root = _locked(order_id)
    source = f"{_dispute(order_id, cause)}:{_Event.DISPUTE_LOST}"
    if root is None or is_known(source):
        return False
    return _cascade(root, _Event.DISPUTE_LOST, source, now=now, message="licence.revoked")


@transaction.atomic
def note(
    *, order_id: uuid.UUID, kind: Literal["refunded_part"], cause: str, now: dt.datetime
) -> bool:
    """Write down that a part of the money went back: it opens as before.

    Returns whether this call wrote it.
    """
    root = _locked(order_id)
    source = f"order:{order_id}:{cause}"
    if root is None or is_known(source):
        return False
    record_event(root, root.state, _Event(kind), source, now=now)
    return True


def say_again(entitlement: Entitlement, source: str, *, now: dt.datetime) -> None:
    """Let what still holds of its order's money count again, once something gave it back.

    A loan may come back while a dispute is open, and a refund may fail after a dispute was
    lost. The caller holds the row's lock; `source` names what gave it back.
    """
    root = entitlement
    while root.parent is not None:
        root = root.parent
    standing = _standing(root)
    if standing is not None and entitlement.state in _WHOLE:
        record_event(entitlement, entitlement.state, standing, f"{source}:{_STILL}", now=now)


def _end(order_id: uuid.UUID, kind: str, cause: str, *, now: dt.datetime) -> bool:
    root = _locked(order_id)
    source = f"order:{order_id}:{cause}"
    if root is None or is_known(source):
        return False
    return _cascade(root, kind, source, now=now, message="licence.revoked")


def _locked(order_id: uuid.UUID) -> Entitlement | None:
    return Entitlement.objects.select_for_update().filter(order_id=order_id).first()


def _cascade(root: Entitlement, kind: str, source: str, *, now: dt.datetime, message: str) -> bool:
    """Record it for all that came of the order; whether any of them is in another state by it."""
    moved = False
    for entitlement in _line(root):
        before = entitlement.state
        named = source if entitlement.pk == root.pk else _child_source(source, entitlement)
        record_event(entitlement, before, kind, named, now=now)
        if entitlement.state != before:
            tell(entitlement, message)
            moved = True
    return moved


def _line(root: Entitlement) -> list[Entitlement]:
    """It and all that was lent, given or transferred from it, each locked, parents first."""
    found = [root]
    for entitlement in found:
        found += entitlement.children.select_for_update().order_by("pk")
    return found


def _give_back(
    entitlement: Entitlement, root: Entitlement, kind: str, source: str, *, now: dt.datetime
) -> bool:
    before = entitlement.state
    named = source if entitlement.pk == root.pk else _child_source(source, entitlement)
    record_event(entitlement, before, kind, named, now=now)
    say_again(entitlement, named, now=now)
    came_back = entitlement.state != before
    if came_back:
        tell(entitlement, "licence.changed")
    if entitlement.state not in (_State.TRANSFERRED, _State.LENT):
        return came_back
    # A loan that has ended stays ended: its lender has it again, or passed it on since.
    for child in entitlement.children.select_for_update().order_by("pk"):
        if child.kind != _Kind.LOAN or child.state == _State.SUSPENDED:
            came_back |= _give_back(child, root, kind, source, now=now)
    return came_back


def _child_source(source: str, child: Entitlement) -> str:
    return f"{source}:{child.pk.hex[:12]}"


def _dispute(order_id: uuid.UUID, cause: str) -> str:
    return f"order:{order_id}:{cause}"


def _standing(root: Entitlement) -> EntitlementEvent.Kind | None:
    """What holds of the order's money now: lost, back at the buyer, disputed, or nothing of it."""
    told = _told_of(root).values()
    if _Event.DISPUTE_LOST in told:
        return _Event.DISPUTE_LOST
    went = _money_went(root)
    if went is not None:
        return went
    return _Event.DISPUTE_OPENED if _Event.DISPUTE_OPENED in told else None


def _money_went(root: Entitlement) -> EntitlementEvent.Kind | None:
    """How the money went back, or stayed away; None where the last word is that it is here."""
    here = (_Event.GRANTED, _Event.GIFTED, _Event.RESTORED)
    money = root.events.filter(kind__in=[*here, *MONEY_BACK]).exclude(source__endswith=_STILL)
    last = money.order_by("id").last()
    return None if last is None or last.kind in here else _Event(last.kind)


def _told_of(root: Entitlement) -> dict[str, EntitlementEvent.Kind]:
    """The last word on each dispute of the order, by the name of the dispute."""
    events = root.events.filter(kind__in=DISPUTES).exclude(source__endswith=_STILL)
    rows = events.order_by("id").values_list("source", "kind")
    return {source.rpartition(":")[0]: _Event(kind) for source, kind in rows}
