"""Reading handovers. What is neither from you nor to you is not found."""

from __future__ import annotations

import uuid
from collections.abc import Iterable

from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from drm.rights import Rights
from marketplace.accounts import queries as accounts
from marketplace.accounts.types import User
from marketplace.handovers.errors import HandoverNotFoundError
from marketplace.handovers.models import Handover, Surrender
from marketplace.handovers.types import Choice, Shelves
from marketplace.licensing import services as licensing
from marketplace.licensing.types import Entitlement
from marketplace.packaging import queries as packaging

__all__ = [
    "choices_of",
    "gift_is_over",
    "handover_of",
    "offers_to",
    "open_handovers",
    "shelves_of",
    "waiting_for",
]

_Kind = Handover.Kind
_State = Handover.State
_DAY = 86_400
_PAST = 20  # of what has ended, the newest


def handover_of(user: User, handover_id: uuid.UUID) -> Handover:
    """A handover from `user`, to them, or offered to an address that is theirs.

    Raises HandoverNotFoundError.
    """
    found = _of(user).filter(pk=handover_id).first()
    if found is None:
        raise HandoverNotFoundError(_("There is no such handover for this account."))
    return found


def shelves_of(user: User) -> Shelves:
    """Every handover of `user`, the newest first."""
    mine = list(_of(user))
    live = [handover for handover in mine if handover.open]
    return Shelves(
        offered_to_me=tuple(h for h in live if h.giver_id != user.pk and h.state == _State.OFFERED),
        given=tuple(h for h in live if h.giver_id == user.pk),
        received=tuple(h for h in live if h.receiver_id == user.pk),
        past=tuple([h for h in mine if not h.open][:_PAST]),
    )


def offers_to(user: User) -> int:
    """How many offers wait for `user`'s answer."""
    return _offered(user).count()


def open_handovers(user: User) -> dict[uuid.UUID, Handover]:
    """The open handovers of `user`, by the entitlement of theirs that each is about."""
    found = {}
    theirs = Q(giver_id=user.pk) | Q(receiver_id=user.pk)
    for handover in _with_all().filter(theirs, state__in=Handover.OPEN):
        if handover.giver_id == user.pk:
            found[handover.entitlement_id] = handover
        elif handover.receiver_id == user.pk and handover.child_id is not None:
            found[handover.child_id] = handover
    return found


def choices_of(entitlement: Entitlement) -> tuple[Choice, ...]:
    """How `entitlement` may be handed over now, as its seller allowed when it was bought."""
    if not _at_hand(entitlement):
        return ()
    rights = Rights.from_claims(entitlement.rights)
    choices = []
    # What plays on leases ends by itself: it is not lent, and never passed on once opened.
    lendable = rights.lease is None and rights.lend is not None and rights.lend >= _DAY
    # A borrower saves nothing, so what only opens when it is saved is of no use to one.
    if lendable and rights.lend is not None and _plays(entitlement):
        choices.append(Choice(_Kind.LOAN, rights.lend // _DAY))
    if rights.gift and not licensing.was_opened(entitlement):
        choices.append(Choice(_Kind.GIFT))
    if rights.lease is None and rights.transfer:
        choices.append(Choice(_Kind.TRANSFER))
    return tuple(choices)


def gift_is_over(entitlement: Entitlement) -> bool:
    """Whether it could be given away but for a device that has fetched its licence."""
    gift = Rights.from_claims(entitlement.rights).gift
    return gift and _at_hand(entitlement) and licensing.was_opened(entitlement)


def _at_hand(entitlement: Entitlement) -> bool:
    active = licensing.state_of(entitlement, timezone.now()) == Entitlement.State.ACTIVE
    return active and not entitlement.on_hold and entitlement.kind != Entitlement.Kind.LOAN


def _plays(entitlement: Entitlement) -> bool:
    files = packaging.files(entitlement.package_id)
    return any(packaging.playable(file.media_type) for file in files)


def waiting_for(handover: Handover) -> list[Surrender]:
    """The devices that were asked to give their licences back in the present step."""
    rows = handover.surrenders.select_related("licence__device")
    if handover.state == _State.RETURNING and handover.child_id is not None:
        return list(rows.filter(licence__entitlement_id=handover.child_id))
    return list(rows.filter(licence__entitlement_id=handover.entitlement_id))


def _of(user: User) -> QuerySet[Handover]:
    offered = Q(state=_State.OFFERED, address__in=accounts.addresses_of(user))
    return _with_all().filter(Q(giver_id=user.pk) | Q(receiver_id=user.pk) | offered)


def _offered(user: User) -> QuerySet[Handover]:
    rows = Handover.objects.filter(state=_State.OFFERED, entitlement__state="active")
    return rows.filter(address__in=accounts.addresses_of(user)).exclude(giver_id=user.pk)


def _with_all() -> QuerySet[Handover]:
    related: Iterable[str] = ("entitlement__listing__seller__seller", "giver", "receiver", "child")
    return Handover.objects.select_related(*related)
