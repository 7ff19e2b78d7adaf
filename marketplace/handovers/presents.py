"""Presents: a link goes to an address, and whoever comes with it takes what was bought, once.

One order of locks: the entitlement, then the present.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import secrets
import uuid

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from marketplace.accounts import queries as accounts
from marketplace.accounts.types import User
from marketplace.handovers import present_mails as mails
from marketplace.handovers.errors import (
    PresentClosedError,
    PresentNotFoundError,
    RecipientError,
)
from marketplace.handovers.present_models import Present, PresentLink
from marketplace.licensing import queries as entitlements
from marketplace.licensing import services as licensing
from marketplace.licensing.types import Entitlement
from marketplace.messaging import services as messaging
from marketplace.orders.types import Order

__all__ = [
    "change_address",
    "check_free_presents",
    "claim_present",
    "keep_present",
    "present_by_token",
    "present_of",
    "presents_from",
    "send_again",
    "send_present",
]

_State = Present.State
# Beyond the first link of each, which was paid for.
LINKS_A_DAY = 20
FREE_A_DAY = 20  # presents that cost nothing: each is a mail to an address of the giver's choice
_TOKEN_BYTES = 32


@transaction.atomic
def send_present(*, order: Order, entitlement: Entitlement, now: dt.datetime) -> Present:
    """Mail the link of what `order` has paid for; once more for the same order does nothing.

    `entitlement` is what waits to be claimed (licensing.give).
    """
    present, new = Present.objects.get_or_create(
        order=order,
        defaults={
            "entitlement": entitlement,
            "giver": order.buyer,
            "address": order.recipient_email,
            "message": order.present_message,
            "language": order.language,
            "given_at": now,
        },
    )
    if new:
        _send_link(present, now=now)
    return present


def check_free_presents(*, giver: User, more: int, now: dt.datetime) -> None:
    """Whether `giver` may send so many more presents that cost nothing, today.

    Raises PresentClosedError.
    """
    recent = Present.objects.filter(
        giver=giver, order__price_minor=0, given_at__gt=now - dt.timedelta(days=1)
    )
    if recent.count() + more > FREE_A_DAY:
        raise PresentClosedError(_("You have sent many links today. Go on tomorrow."))


def presents_from(giver: User) -> list[Present]:
    """Everything that `giver` has bought for others, the newest first."""
    return list(_with_all().filter(giver_id=giver.pk))


def present_of(giver: User, present_id: uuid.UUID) -> Present:
    """A present from `giver`. Raises PresentNotFoundError, also where it is another's."""
    found = _with_all().filter(pk=present_id, giver_id=giver.pk).first()
    if found is None:
        raise PresentNotFoundError(_("There is no such present from this account."))
    return found


def present_by_token(token: str) -> Present:
    """The present that a mailed link is about, whatever became of it.

    Raises PresentNotFoundError; PresentClosedError where the giver has sent it elsewhere.
    """
    link = PresentLink.objects.filter(digest=_digest(token)).first()
    if link is None:
        raise PresentNotFoundError(_("This link is none of ours. Copy the whole of it."))
    present = _with_all().get(pk=link.present_id)
    _require_sent_to(present, link)
    return present


@transaction.atomic
def claim_present(*, user: User, token: str, now: dt.datetime) -> Present:
    """Take a present: it is in the library of `user` from now on. The second click changes nothing.

    Whose address it went to does not matter: who has the link was given it. Raises
    PresentNotFoundError, PresentClosedError.
    """
    found = present_by_token(token)
    present = _locked(found)
    if present.state == _State.CLAIMED and present.claimed_by_id == user.pk:
        return present
    # Read again behind the lock: the giver may have changed their mind in this moment.
    _require_sent_to(present, PresentLink.objects.get(digest=_digest(token)))
    _require_waiting(present)
    if present.giver_id == user.pk:
        raise PresentClosedError(
            _("You bought this present yourself. On its own page you can keep it.")
        )
    _hand_to(user, present, _State.CLAIMED, now=now)
    mails.mail_taken(present)
    return present


@transaction.atomic
def keep_present(*, giver: User, present_id: uuid.UUID, now: dt.datetime) -> Present:
    """Take a present back before anybody has claimed it, for oneself.

    Raises PresentNotFoundError, PresentClosedError.
    """
    present = _locked(present_of(giver, present_id))
    if present.state == _State.KEPT:
        return present
    _require_waiting(present)
    _hand_to(giver, present, _State.KEPT, now=now)
    return present


@transaction.atomic
def send_again(*, giver: User, present_id: uuid.UUID, now: dt.datetime) -> Present:
    """Mail a link once more; the earlier ones to the same address go on working.

    Raises PresentNotFoundError, PresentClosedError.
    """
    present = _locked(present_of(giver, present_id))
    _require_waiting(present)
    _require_few_mails(giver, now=now)
    _send_link(present, now=now)
    return present


@transaction.atomic
def change_address(
    *, giver: User, present_id: uuid.UUID, address: str, now: dt.datetime
) -> Present:
    """Send a present to another address. The links that went to the old one open nothing.

    Raises PresentNotFoundError, PresentClosedError, RecipientError.
    """
    present = _locked(present_of(giver, present_id))
    _require_waiting(present)
    recipient = address.strip().lower()
    if recipient in {giver.email.lower(), *accounts.addresses_of(giver)}:
        raise RecipientError(_("That is your own address. Enter the other person’s."))
    _require_few_mails(giver, now=now)
    present.address = recipient
    present.save(update_fields=["address"])
    _send_link(present, now=now)
    return present


def _hand_to(user: User, present: Present, state: _State, *, now: dt.datetime) -> None:
    if entitlements.owns(user, present.entitlement.listing_id):
        raise PresentClosedError(
            _(
                "You have this in your library already, so the present was left as it is. Its"
                " link still works: it may be for somebody else."
            )
        )
    licensing.claim(
        entitlement_id=present.entitlement_id,
        user=user,
        source=f"present:{present.pk}:{user.pk}",
        now=now,
    )
    present.state = state
    present.claimed_by = user
    present.closed_at = now
    present.save(update_fields=["state", "claimed_by", "closed_at"])
    messaging.publish(
        group=messaging.user_group(present.giver_id), kind="present.changed", payload={}
    )


def _send_link(present: Present, *, now: dt.datetime) -> None:
    # Hexadecimal, so that no mail program can spoil it by changing the case of letters.
    token = secrets.token_hex(_TOKEN_BYTES)
    PresentLink.objects.create(
        present=present, digest=_digest(token), address=present.address, sent_at=now
    )
    mails.mail_present(present, token=token)


def _digest(token: str) -> str:
    """SHA-256, hexadecimal. Tokens are random and long, so no salt is needed."""
    return hashlib.sha256(token.strip().lower().encode()).hexdigest()


def _locked(present: Present) -> Present:
    entitlement = licensing.lock(present.entitlement_id)
    rows = Present.objects.select_for_update(of=("self",)).select_related("giver", "order")
    locked = rows.get(pk=present.pk)
    locked.entitlement = entitlement
    return locked


def _require_sent_to(present: Present, link: PresentLink) -> None:
    if present.state == _State.WAITING and link.address != present.address:
        raise PresentClosedError(
            _(
                "Whoever gave this has sent it to another address since, so this link opens"
                " nothing any more. The newest mail has the link that does."
            )
        )


def _require_waiting(present: Present) -> None:
    if present.state == _State.CLAIMED:
        raise PresentClosedError(_("This present was taken already; it can be taken only once."))
    if present.state == _State.KEPT:
        raise PresentClosedError(_("Whoever bought this present has kept it."))


def _require_few_mails(giver: User, *, now: dt.datetime) -> None:
    recent = PresentLink.objects.filter(
        present__giver=giver, sent_at__gt=now - dt.timedelta(days=1)
    )
    firsts = Present.objects.filter(giver=giver, given_at__gt=now - dt.timedelta(days=1))
    if recent.count() - firsts.count() >= LINKS_A_DAY:
        raise PresentClosedError(_("You have sent many links today. Go on tomorrow."))


def _with_all() -> QuerySet[Present]:
    return Present.objects.select_related(
        "entitlement__listing__seller__seller", "giver", "order", "claimed_by"
    )
