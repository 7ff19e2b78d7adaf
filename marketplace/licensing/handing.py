"""What a handover does to entitlements and licences: hold, count, give back, lend, pass on.

Each function is called in the caller's transaction, with the giver's entitlement locked
first (`lock`), and that of the receiver after it.
"""

from __future__ import annotations

import datetime as dt
import uuid

from django.conf import settings
from django.utils.translation import gettext as _

from drm.rights import LeaseTerms, Rights
from drm.signed import document_hash
from marketplace.accounts.types import User
from marketplace.licensing import auditing
from marketplace.licensing.errors import EntitlementNotFoundError, TransitionError
from marketplace.licensing.granting import change, extend, grant, milliseconds
from marketplace.licensing.models import Entitlement, EntitlementEvent, Licence
from marketplace.licensing.reversing import say_again

__all__ = [
    "extend_loan",
    "give_back",
    "hold",
    "lend",
    "licences_out",
    "lock",
    "own_entitlement",
    "pass_on",
    "surrender",
    "was_opened",
]

_Event = EntitlementEvent.Kind
_Kind = Entitlement.Kind
_State = Entitlement.State


def lock(entitlement_id: uuid.UUID) -> Entitlement:
    """The entitlement, its row held until the transaction ends. Raises EntitlementNotFoundError."""
    rows = Entitlement.objects.select_for_update(of=("self",)).select_related("listing", "user")
    found = rows.filter(pk=entitlement_id).first()
    if found is None:
        raise EntitlementNotFoundError(_("There is no such purchase in your library."))
    return found


def own_entitlement(user: User, entitlement_id: uuid.UUID) -> Entitlement:
    """One entitlement of `user`, in whatever state. Raises EntitlementNotFoundError."""
    rows = Entitlement.objects.select_related("listing__seller__seller")
    found = rows.filter(pk=entitlement_id, user_id=user.pk).first()
    if found is None:
        raise EntitlementNotFoundError(_("There is no such purchase in your library."))
    return found


def hold(entitlement: Entitlement, *, on: bool) -> None:
    """While it is on hold, no new licence or lease is issued on it."""
    entitlement.on_hold = on
    entitlement.save(update_fields=["on_hold"])


def licences_out(entitlement: Entitlement) -> list[Licence]:
    """The licences of it that no device has given back, with their devices."""
    rows = Licence.objects.filter(entitlement=entitlement, surrendered_at__isnull=True)
    return list(rows.select_related("device").order_by("issued_at", "pk"))


def was_opened(entitlement: Entitlement) -> bool:
    """Whether any device ever received a licence of it, also one that it gave back."""
    return Licence.objects.filter(entitlement=entitlement).exists()


def surrender(licence: Licence, *, entitlement: Entitlement, word: str, now: dt.datetime) -> None:
    """Note that the licence's device signed (`word`, a JWS) that it has deleted it."""
    licence.surrendered_at = now
    licence.save(update_fields=["surrendered_at"])
    # The shop's word on this licence is another from now on, and counts for more.
    entitlement.sequence = max(entitlement.sequence + 1, milliseconds(now))
    entitlement.save(update_fields=["sequence"])
    body = {"licence": str(licence.pk), "hash": document_hash(word)}
    auditing.record(kind="surrendered", body=body, now=now)


def lend(
    entitlement: Entitlement, *, to: User, until: dt.datetime, source: str, now: dt.datetime
) -> Entitlement:
    """Lend it: the giver's opens nothing until it is given back. Returns the borrower's.

    That one plays on leases, so that it ends by itself, and may not be saved or passed on.
    """
    _require_own(entitlement)
    change(entitlement_id=entitlement.pk, kind=_Event.LENT, source=source, now=now)
    lease = LeaseTerms(
        duration=int(settings.LEASE_DURATION.total_seconds()),
        grace=int(settings.LEASE_GRACE.total_seconds()),
    )
    rights = Rights(play=True, lease=lease)
    return _received(entitlement, to, Entitlement.Kind.LOAN, rights, source, now, until)


def pass_on(
    entitlement: Entitlement, *, to: User, kind: str, source: str, now: dt.datetime
) -> Entitlement:
    """Pass it on for good, as `kind` "gift" or "transfer", with all its rights. Returns the new one."""
    _require_own(entitlement)
    change(entitlement_id=entitlement.pk, kind=_Event.TRANSFERRED, source=source, now=now)
    rights = Rights.from_claims(entitlement.rights)
    return _received(entitlement, to, kind, rights, source, now, entitlement.expires_at)


def extend_loan(loan: Entitlement, *, until: dt.datetime, source: str, now: dt.datetime) -> None:
    """Let the borrower keep it until `until`. Raises TransitionError where it has ended."""
    extend(entitlement_id=loan.pk, expires_at=until, source=source, now=now)


def give_back(*, giver: Entitlement, loan: Entitlement, source: str, now: dt.datetime) -> bool:
    """End the loan: the borrower's is over, and the giver's lives again.

    What a refund has ended before stays as it is, and an open dispute suspends what comes
    back. Returns whether the loan ended by this call.
    """
    hold(loan, on=False)
    hold(giver, on=False)
    if loan.state in (_State.ACTIVE, _State.SUSPENDED):
        change(entitlement_id=loan.pk, kind=_Event.RETURNED, source=f"{source}:loan", now=now)
    if giver.state != _State.LENT:
        return False
    ended = change(entitlement_id=giver.pk, kind=_Event.RETURNED, source=source, now=now)
    if ended:
        say_again(lock(giver.pk), source, now=now)
    return ended


def _require_own(entitlement: Entitlement) -> None:
    """Raises TransitionError for what its holder only borrows, pays for by the month, or gives."""
    if entitlement.kind in (_Kind.LOAN, _Kind.SUBSCRIPTION, _Kind.PRESENT):
        raise TransitionError(
            _("Only what is yours can be lent or passed on. Nothing was changed.")
        )


def _received(
    entitlement: Entitlement,
    to: User,
    kind: str,
    rights: Rights,
    source: str,
    now: dt.datetime,
    until: dt.datetime | None,
) -> Entitlement:
    return grant(
        user=to,
        listing_id=entitlement.listing_id,
        package_id=entitlement.package_id,
        order_id=None,
        rights=rights.to_claims(),
        kind=kind,
        start_by=entitlement.start_by,
        expires_at=until,
        parent=entitlement,
        source=f"{source}:received",
        now=now,
    )
