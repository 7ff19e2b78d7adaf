"""The shop's signed word on a licence or a device (docs/format-v1.md, section 7)."""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import dataclass

from django.utils import formats
from django.utils.translation import gettext as _

from drm.status import device_id, sign_status
from marketplace.accounts.types import Device
from marketplace.licensing.errors import LicenceNotFoundError
from marketplace.licensing.granting import milliseconds
from marketplace.licensing.models import Entitlement, EntitlementEvent, Licence
from marketplace.licensing.states import ending
from marketplace.licensing.terms import is_surely_over
from marketplace.packaging import services as packaging

__all__ = ["signed_device_status", "signed_status"]

_Event = EntitlementEvent.Kind
_State = Entitlement.State
_REASONS: dict[str, str] = {_Event.DISPUTE_LOST: "chargeback", _Event.PAYMENT_FAILED: "unpaid"}


def signed_status(*, device: Device, licence_id: uuid.UUID, nonce: str, now: dt.datetime) -> str:
    """What the shop says of a licence now, signed over the asker's nonce: a JWS.

    Only the key it was issued to may ask, also after its device was removed: all its
    licences are revoked then. Raises LicenceNotFoundError.
    """
    try:
        licence = Licence.objects.select_related("entitlement", "device").get(
            pk=licence_id, device__thumbprint=device.thumbprint
        )
    except Licence.DoesNotExist:
        raise LicenceNotFoundError(_("There is no such licence for this device.")) from None
    word = _word_on(licence, now)
    if not word.reason and licence.device.removed_at is not None:
        word = _removed_word(licence.device.removed_at, word.sequence)
    return _signed(str(licence.pk), word, nonce=nonce, now=now)


def _word_on(licence: Licence, now: dt.datetime) -> _Word:
    """What the shop says of the licence, whatever became of its device."""
    entitlement = licence.entitlement
    last = entitlement.events.order_by("id").last()
    changed = max(last.at if last is not None else licence.issued_at, licence.issued_at)
    # Both change the word: only their sum grows with each change of either.
    sequence = entitlement.sequence + _device_sequence(licence.device)
    if licence.surrendered_at is not None:
        message = _ended_message(entitlement) or _surrendered_message(entitlement)
        return _Word(message, licence.surrendered_at, sequence + 1, "transferred")
    match entitlement.state:
        case _State.REVOKED | _State.CHARGED_BACK:
            reason = _reason(entitlement)
            return _Word(_ended_message(entitlement), changed, sequence, reason)
        case _State.LENT:
            message = _("You have lent this. It opens again when it comes back to you.")
            return _Word(message, changed, sequence, "lent")
        case _State.TRANSFERRED:
            return _Word(_passed_on(), changed, sequence, "transferred")
        case _State.RETURNED:
            message = _("You have given this back to its owner.")
            return _Word(message, changed, sequence, "returned", "returned")
    if is_surely_over(entitlement, now):
        # No event tells of it: the time alone has passed.
        ended = entitlement.expires_at or changed
        message = _over_message(entitlement)
        return _Word(message, max(changed, min(ended, now)), sequence + 1, "expired", "expired")
    if entitlement.state == _State.SUSPENDED:
        return _Word(_disputed(), changed, sequence)
    return _Word(_("This licence is valid."), changed, sequence)


def _over_message(entitlement: Entitlement) -> str:
    if entitlement.kind == Entitlement.Kind.RENTAL:
        return _("This rental is over. Rent it again to watch it again.")
    if entitlement.kind == Entitlement.Kind.LOAN:
        return _("This loan is over. Its owner has it back.")
    return _("This has ended. Renew it in the shop to open it again.")


def _surrendered_message(entitlement: Entitlement) -> str:
    if entitlement.kind == Entitlement.Kind.LOAN:
        return _("This loan was given back to its owner.")
    return _(
        "This device has given its licence back, as you lend this or pass it on. If that is "
        "cancelled, or the loan is over, it opens here again: run “geobuk sync” then."
    )


def _disputed() -> str:
    return _(
        "The bank is asking about the payment for this. It goes on opening here; nothing new is "
        "issued until the bank has decided."
    )


def _passed_on() -> str:
    return _("You have passed this on, so it does not open here any more.")


def signed_device_status(*, device: Device, nonce: str, now: dt.datetime) -> str:
    """What the shop says of the device that asks, signed over its nonce: a JWS."""
    sequence = _device_sequence(device)
    word = _Word(_("This device is logged in."), device.registered_at, sequence)
    if device.removed_at is not None:
        word = _removed_word(device.removed_at, sequence)
    return _signed(device_id(device.thumbprint), word, nonce=nonce, now=now)


@dataclass(frozen=True, slots=True)
class _Word:
    message: str
    updated: dt.datetime
    sequence: int
    reason: str = ""  # why it ended; "" while it stands
    status: str = "revoked"  # how it ended, where it did


def _removed_word(at: dt.datetime, sequence: int) -> _Word:
    message = _("This device was removed from the account. Log it in again to use it.")
    return _Word(message, at, sequence, "device_removed")


def _signed(subject: str, word: _Word, *, nonce: str, now: dt.datetime) -> str:
    issuer = packaging.issuer()
    return sign_status(
        issuer=issuer.key,
        kid=issuer.kid,
        licence_id=subject,
        status=word.status if word.reason else "active",
        message=word.message,
        now=now,
        updated=word.updated,
        nonce=nonce,
        sequence=word.sequence,
        reason=word.reason,
    )


def _device_sequence(device: Device) -> int:
    return milliseconds(device.removed_at or device.registered_at)


def _reason(entitlement: Entitlement) -> str:
    """Section 7.3 of docs/format-v1.md: how the money went."""
    ended = ending(entitlement.events.order_by("id"))
    return _REASONS.get(ended.kind, "refund") if ended is not None else "refund"


def _ended_message(entitlement: Entitlement) -> str:
    """Why the money took it from its holder, and since when; "" where it did not."""
    ended = ending(entitlement.events.order_by("id"))
    if ended is None:
        return ""
    date = {"date": formats.date_format(ended.at, "DATE_FORMAT")}
    if entitlement.parent_id is not None:
        return _heirs_message(ended.kind) % date
    match ended.kind:
        case _Event.DISPUTE_LOST:
            message = _(
                "The bank took back the money for this on %(date)s, so it does not open any "
                "more. Buy it again to open it."
            )
        case _Event.PAYMENT_FAILED:
            message = _(
                "The payment for this failed on %(date)s, so it does not open any more. "
                "Buy it again to open it."
            )
        case _Event.WITHDRAWN:
            message = _(
                "You withdrew from this purchase on %(date)s, so it does not open any more. "
                "Buy it again to open it."
            )
        case _:
            message = _(
                "This purchase was refunded on %(date)s, so it does not open any more. "
                "Buy it again to open it."
            )
    return message % date


def _heirs_message(kind: str) -> str:
    if kind in (_Event.DISPUTE_LOST, _Event.PAYMENT_FAILED):
        return _(
            "The payment of whoever had bought this failed on %(date)s, so it does not open "
            "any more."
        )
    return _(
        "The money for this went back on %(date)s to whoever had bought it, so it does not "
        "open any more."
    )
