"""Offering something to a person, and their answer."""

from __future__ import annotations

import datetime as dt
import uuid

from django.db import transaction
from django.utils.translation import gettext as _

from marketplace.accounts import queries as accounts
from marketplace.accounts.types import User
from marketplace.handovers import mails
from marketplace.handovers.errors import (
    HandoverClosedError,
    HandoverNotPossibleError,
    LoanTimeError,
    RecipientError,
)
from marketplace.handovers.locks import lock_handover
from marketplace.handovers.models import Handover, Surrender
from marketplace.handovers.queries import choices_of, handover_of
from marketplace.handovers.surrendering import complete, tell
from marketplace.handovers.types import Choice
from marketplace.licensing import queries as entitlements
from marketplace.licensing import services as licensing
from marketplace.licensing.types import Entitlement

__all__ = [
    "accept_handover",
    "cancel_handover",
    "decline_handover",
    "offer_handover",
    "what_to_offer",
]

_Kind = Handover.Kind
_State = Handover.State
# Each offer is a mail to an address of the giver's choice.
OFFERS_A_DAY = 20


def what_to_offer(user: User, entitlement_id: uuid.UUID) -> tuple[Entitlement, tuple[Choice, ...]]:
    """A purchase of `user`, and how it may be handed over now; no way where none is left.

    Raises licensing's EntitlementNotFoundError.
    """
    entitlement = licensing.own_entitlement(user, entitlement_id)
    return entitlement, choices_of(entitlement)


@transaction.atomic
def offer_handover(
    *,
    giver: User,
    entitlement_id: uuid.UUID,
    kind: str,
    address: str,
    days: int | None,
    language: str,
    now: dt.datetime,
) -> Handover:
    """Offer what `giver` owns to whoever reads mail at `address`; `days` is of a loan.

    Nothing changes for the giver until it is accepted; only a gift is on hold from now on,
    so that it stays unopened. Raises EntitlementNotFoundError, HandoverNotPossibleError,
    RecipientError, LoanTimeError.
    """
    what_to_offer(giver, entitlement_id)
    entitlement = licensing.lock(entitlement_id)
    _end_what_a_refund_ended(entitlement, now=now)
    choice = _choice(entitlement, kind)
    recipient = address.strip().lower()
    if recipient == giver.email.lower() or recipient in accounts.addresses_of(giver):
        raise RecipientError(_("That is your own address. Enter the other person’s."))
    if choice.most_days is None:
        days = None
    elif days is None or not 1 <= days <= choice.most_days:
        raise LoanTimeError(_("Choose 1 to %d days.") % choice.most_days)
    recent = Handover.objects.filter(giver=giver, offered_at__gt=now - dt.timedelta(days=1))
    if recent.count() >= OFFERS_A_DAY:
        raise HandoverNotPossibleError(_("You have made many offers today. Go on tomorrow."))
    handover = Handover.objects.create(
        kind=kind,
        entitlement=entitlement,
        giver=giver,
        address=recipient,
        days=days,
        language=language,
        offered_at=now,
    )
    if kind == _Kind.GIFT:
        licensing.hold(entitlement, on=True)
    tell(handover.giver_id)
    mails.mail_offer(handover)
    return handover


@transaction.atomic
def accept_handover(*, user: User, handover_id: uuid.UUID, now: dt.datetime) -> Handover:
    """Take what is offered. It comes as soon as the giver's devices have let go of it.

    Raises HandoverNotFoundError (also for whose address it is not), HandoverClosedError,
    HandoverNotPossibleError.
    """
    handover, entitlement = lock_handover(handover_of(user, handover_id))
    if handover.receiver_id == user.pk and handover.state != _State.CANCELLED:
        return handover  # the second of two clicks
    _require_offered(handover, entitlement)
    if handover.giver_id == user.pk:
        raise HandoverNotPossibleError(_("You offered this yourself. The other person accepts it."))
    if entitlements.owns(user, entitlement.listing_id):
        raise HandoverNotPossibleError(
            _("You have this in your library already, so you cannot receive it again.")
        )
    if handover.kind == _Kind.GIFT and licensing.was_opened(entitlement):
        raise HandoverNotPossibleError(_("It has been opened, so it cannot be given any more."))
    handover.receiver = user
    handover.accepted_at = now
    handover.state = _State.SURRENDERING
    handover.save(update_fields=["receiver", "accepted_at", "state"])
    licensing.hold(entitlement, on=True)
    out = licensing.licences_out(entitlement)
    Surrender.objects.bulk_create(Surrender(handover=handover, licence=one) for one in out)
    if not out:
        return complete(handover, entitlement, now=now)
    tell(handover.giver_id, "handover.requested")
    mails.mail_accepted(handover, devices=len(out))
    return handover


@transaction.atomic
def decline_handover(*, user: User, handover_id: uuid.UUID, now: dt.datetime) -> Handover:
    """Say no to an offer. Raises HandoverNotFoundError, HandoverClosedError."""
    handover, entitlement = lock_handover(handover_of(user, handover_id))
    if handover.state == _State.DECLINED:
        return handover
    if handover.state != _State.OFFERED or handover.giver_id == user.pk:
        raise _closed()
    handover.receiver = user
    _close(handover, entitlement, _State.DECLINED, now=now)
    mails.mail_declined(handover)
    return handover


@transaction.atomic
def cancel_handover(*, user: User, handover_id: uuid.UUID, now: dt.datetime) -> Handover:
    """Take back an offer, also an accepted one, until it is complete.

    Devices that have let go get new licences. Raises HandoverNotFoundError,
    HandoverClosedError where it is not the giver who asks, or it is complete.
    """
    handover, entitlement = lock_handover(handover_of(user, handover_id))
    if handover.state == _State.CANCELLED and handover.giver_id == user.pk:
        return handover
    cancellable = handover.state in (_State.OFFERED, _State.SURRENDERING)
    if handover.giver_id != user.pk or not cancellable:
        raise _closed()
    accepted = handover.state == _State.SURRENDERING
    _close(handover, entitlement, _State.CANCELLED, now=now)
    if accepted:
        mails.mail_cancelled(handover)
    return handover


def _choice(entitlement: Entitlement, kind: str) -> Choice:
    found = [choice for choice in choices_of(entitlement) if choice.kind == kind]
    if Handover.objects.filter(entitlement=entitlement, state__in=Handover.OPEN).exists():
        raise HandoverNotPossibleError(_("You have offered this already. Cancel that first."))
    if not found:
        raise HandoverNotPossibleError(
            _("This cannot be handed over in this way: its seller or its state forbids it.")
        )
    return found[0]


def _require_offered(handover: Handover, entitlement: Entitlement) -> None:
    if handover.state != _State.OFFERED or entitlement.state != Entitlement.State.ACTIVE:
        raise _closed()


def _closed() -> HandoverClosedError:
    return HandoverClosedError(
        _("This has changed since you opened the page. Nothing was done; look at how it stands.")
    )


def _close(
    handover: Handover, entitlement: Entitlement, state: _State, *, now: dt.datetime
) -> None:
    handover.state = state
    handover.closed_at = now
    handover.save(update_fields=["state", "closed_at", "receiver"])
    licensing.hold(entitlement, on=False)
    tell(handover.giver_id)
    if handover.receiver_id is not None:
        tell(handover.receiver_id)


def _end_what_a_refund_ended(entitlement: Entitlement, *, now: dt.datetime) -> None:
    """A loan that a refund ended blocks nothing once the refund has come back."""
    if entitlement.state == Entitlement.State.ACTIVE:
        Handover.objects.filter(
            entitlement=entitlement, state__in=(_State.LENT, _State.RETURNING)
        ).update(state=_State.RETURNED, closed_at=now)
