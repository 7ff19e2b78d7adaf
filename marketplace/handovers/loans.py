"""What becomes of a loan: it goes on for longer, comes back early, or by itself."""

from __future__ import annotations

import datetime as dt
import logging
import uuid

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _

from drm.rights import Rights
from marketplace.accounts.types import User
from marketplace.core.errors import MarketplaceError
from marketplace.handovers import mails
from marketplace.handovers.errors import HandoverClosedError, LoanTimeError
from marketplace.handovers.locks import lock_handover
from marketplace.handovers.models import Handover, Surrender
from marketplace.handovers.queries import handover_of
from marketplace.handovers.surrendering import complete, finish_return, full_hour, tell
from marketplace.licensing import services as licensing
from marketplace.licensing.types import Entitlement

__all__ = ["most_days", "renew_loan", "return_loan", "settle_handovers"]

logger = logging.getLogger(__name__)

_State = Handover.State
_DAY = 86_400


def most_days(handover: Handover) -> int:
    """For how many days from now its seller lets the giver lend it."""
    lend = Rights.from_claims(handover.entitlement.rights).lend
    return 0 if lend is None else lend // _DAY


@transaction.atomic
def renew_loan(*, user: User, handover_id: uuid.UUID, days: int, now: dt.datetime) -> Handover:
    """Let the borrower keep it until `days` from now. Only the giver may.

    Raises HandoverNotFoundError, HandoverClosedError, LoanTimeError where the seller does
    not allow so long, or it is no later than the present end.
    """
    handover, entitlement = lock_handover(handover_of(user, handover_id))
    lent = handover.state == _State.LENT and entitlement.state == Entitlement.State.LENT
    if not lent or handover.giver_id != user.pk or handover.due_at is None:
        raise _closed()
    if now >= handover.due_at:
        raise HandoverClosedError(_("This loan is over. Lend it again when it is back."))
    most = most_days(handover)
    if not 1 <= days <= most:
        raise LoanTimeError(_("Choose 1 to %d days.") % most)
    due = full_hour(now + dt.timedelta(days=days))
    if due <= handover.due_at:
        raise LoanTimeError(_("That is no later than the loan ends anyway. Choose more days."))
    assert handover.child_id is not None
    loan = licensing.lock(handover.child_id)
    source = f"handover:{handover.pk}:until:{int(due.timestamp())}"
    licensing.extend_loan(loan, until=due, source=source, now=now)
    handover.due_at = due
    handover.save(update_fields=["due_at"])
    tell(handover.giver_id)
    mails.mail_renewed(handover)
    return handover


@transaction.atomic
def return_loan(*, user: User, handover_id: uuid.UUID, now: dt.datetime) -> Handover:
    """Give a loan back before its end. Only the borrower may.

    It is back with its owner when the borrower's devices have let go of it, or when the
    leases that they hold have run out. Raises HandoverNotFoundError, HandoverClosedError.
    """
    handover, entitlement = lock_handover(handover_of(user, handover_id))
    if handover.receiver_id != user.pk:
        raise _closed()
    if handover.state in (_State.RETURNING, _State.RETURNED):
        return handover  # the second of two clicks
    if handover.state != _State.LENT:
        raise _closed()
    assert handover.child_id is not None
    assert handover.due_at is not None
    loan = licensing.lock(handover.child_id)
    licensing.hold(loan, on=True)
    # No lease is given out from now on; one of this moment ends at the next full hour after
    # its duration.
    last = min(handover.due_at, full_hour(now + settings.LEASE_DURATION))
    handover.back_by = last + settings.LEASE_GRACE
    handover.state = _State.RETURNING
    handover.save(update_fields=["state", "back_by"])
    out = licensing.licences_out(loan)
    Surrender.objects.bulk_create(Surrender(handover=handover, licence=one) for one in out)
    if not out:
        return finish_return(handover, entitlement, now=now)
    tell(user.pk, "handover.requested")
    tell(handover.giver_id)
    return handover


def settle_handovers(*, now: dt.datetime) -> int:
    """Do what time alone brings: loans come back, and what a refund ended is closed.

    Returns how many moved. The job worker calls it every few minutes; it may run twice.
    """
    due = Handover.objects.filter(state=_State.LENT, due_at__lte=now - settings.LEASE_GRACE)
    out = Handover.objects.filter(state=_State.RETURNING, back_by__lte=now)
    ended = Handover.objects.filter(state__in=Handover.OPEN).exclude(
        entitlement__state__in=(Entitlement.State.ACTIVE, Entitlement.State.LENT)
    )
    # The refund of something lent came back: it is its owner's, and the loan is over.
    ended |= Handover.objects.filter(
        state__in=(_State.LENT, _State.RETURNING), entitlement__state=Entitlement.State.ACTIVE
    )
    stuck = Handover.objects.filter(state=_State.SURRENDERING, entitlement__state="active").exclude(
        surrenders__at__isnull=True
    )
    found = {one.pk: one for rows in (due, out, ended, stuck) for one in rows}
    return sum(_settle(handover, now=now) for handover in found.values())


def _settle(handover: Handover, *, now: dt.datetime) -> bool:
    try:
        with transaction.atomic():
            return _settle_locked(handover, now=now)
    except MarketplaceError:
        # One that cannot move must not keep the others from moving.
        logger.exception("handover %s could not be settled", handover.pk)
        return False


def _settle_locked(handover: Handover, *, now: dt.datetime) -> bool:
    locked, entitlement = lock_handover(handover)
    active = entitlement.state == Entitlement.State.ACTIVE
    if locked.state in (_State.OFFERED, _State.SURRENDERING) and not active:
        locked.state, locked.closed_at = _State.CANCELLED, now
        locked.save(update_fields=["state", "closed_at"])
        licensing.hold(entitlement, on=False)
        tell(locked.giver_id)
        return True
    if locked.state == _State.SURRENDERING:
        if locked.surrenders.filter(at__isnull=True).exists():
            return False
        complete(locked, entitlement, now=now)
        return True
    lent = entitlement.state == Entitlement.State.LENT
    if locked.state in (_State.LENT, _State.RETURNING) and not (lent and _runs(locked, now)):
        finish_return(locked, entitlement, now=now)
        return True
    return False


def _runs(handover: Handover, now: dt.datetime) -> bool:
    """Whether a device of the borrower may still play."""
    assert handover.due_at is not None
    end = handover.back_by or handover.due_at + settings.LEASE_GRACE
    return now < end


def _closed() -> HandoverClosedError:
    return HandoverClosedError(
        _("This has changed since you opened the page. Nothing was done; look at how it stands.")
    )
