"""Payouts: rows written within the caller's transaction, sent and followed without one.

requested ► sent ► paid ► failed
"""

from __future__ import annotations

import csv
import datetime as dt
import io
import uuid

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from marketplace.core.money import Money
from marketplace.core.text import spreadsheet_cell
from marketplace.payments import gateway_connect as gateway
from marketplace.payments.asking import key_is_forgotten
from marketplace.payments.connect_models import (
    BankDetails,
    ConnectedAccount,
    Payout,
    PayoutBatch,
)
from marketplace.payments.connect_types import PayoutSnapshot
from marketplace.payments.errors import BatchPaidError, PayoutNotFoundError, PayoutRefusedError

__all__ = [
    "add_to_batch",
    "batch_csv",
    "has_requested_payout",
    "mark_batch_paid",
    "open_payouts",
    "payout_batch",
    "payout_of",
    "payouts_of",
    "refresh_payout",
    "request_payout",
    "return_bank_payout",
    "send_payout",
]

_State = Payout.State
_RANK: dict[str, int] = {_State.REQUESTED: 0, _State.SENT: 1, _State.PAID: 2, _State.FAILED: 3}
_REPORTED: dict[str, str] = {
    "paid": _State.PAID,
    "failed": _State.FAILED,
    "canceled": _State.FAILED,
}


def payouts_of(user_id: uuid.UUID) -> QuerySet[Payout]:
    """A seller's payouts, the newest first."""
    return Payout.objects.filter(seller_id=user_id).select_related("batch")


def payout_of(stripe_id: str) -> Payout | None:
    """The payout with Stripe's id; None where it is none of ours."""
    return Payout.objects.filter(stripe_id=stripe_id).first()


def has_requested_payout(user_id: uuid.UUID, currency: str) -> bool:
    """Whether one waits to be sent: then no second one is begun."""
    return Payout.objects.filter(
        seller_id=user_id, currency=currency, state=_State.REQUESTED
    ).exists()


def open_payouts() -> QuerySet[Payout]:
    """Those by Stripe of which we do not know the end."""
    return Payout.objects.filter(state__in=[_State.REQUESTED, _State.SENT], batch=None)


def request_payout(*, account: ConnectedAccount, amount: Money, now: dt.datetime) -> Payout:
    """Write down a payout by Stripe, in the transaction that takes it from the balance."""
    return Payout.objects.create(
        seller_id=account.user_id,
        amount_minor=amount.minor,
        currency=amount.currency,
        account_id=account.account_id or "",
        created_at=now,
    )


def send_payout(payout_id: uuid.UUID) -> Payout:
    """Ask Stripe to send a payout that was written down; asked again, the same one.

    Returns it as it is then: failed where Stripe refuses it. Raises PaymentsUnavailableError.
    """
    payout = Payout.objects.get(pk=payout_id)
    if payout.state != _State.REQUESTED or payout.batch_id is not None:
        return payout
    try:
        answer = _made(payout) or gateway.create_payout(
            payout_id=payout.pk,
            account_id=payout.account_id,
            amount=Money(payout.amount_minor, payout.currency),
        )
    except PayoutRefusedError as error:
        return _merge(payout.pk, _State.FAILED, failure=str(error))
    return _record(payout.pk, answer)


def _made(payout: Payout) -> PayoutSnapshot | None:
    if not key_is_forgotten(payout.created_at):
        return None
    return gateway.find_payout(
        payout_id=payout.pk, account_id=payout.account_id, since=payout.created_at
    )


def refresh_payout(payout_id: uuid.UUID) -> Payout:
    """Read at Stripe what became of a payout. Raises PaymentsUnavailableError."""
    payout = Payout.objects.get(pk=payout_id)
    if payout.stripe_id is None:
        return send_payout(payout_id)
    return _record(
        payout.pk, gateway.retrieve_payout(payout.stripe_id, account_id=payout.account_id)
    )


def _record(payout_id: uuid.UUID, answer: PayoutSnapshot) -> Payout:
    return _merge(
        payout_id,
        _REPORTED.get(answer.status, _State.SENT),
        failure=answer.failure,
        stripe_id=answer.id,
        transaction_id=answer.transaction_id,
        failure_transaction_id=answer.failure_transaction_id,
    )


@transaction.atomic
def _merge(payout_id: uuid.UUID, state: str, *, failure: str, **ids: str) -> Payout:
    """Move a payout forwards only, whatever the order that answers come in."""
    payout = Payout.objects.select_for_update().get(pk=payout_id)
    for name, value in ids.items():
        setattr(payout, name, value or getattr(payout, name))
    if _RANK[state] > _RANK[payout.state]:
        payout.state = state
        payout.failure = failure[:300] if state == _State.FAILED else ""
    payout.save()
    return payout


# bank batches


def add_to_batch(
    *, details: BankDetails, amount: Money, batch: PayoutBatch | None, now: dt.datetime
) -> Payout:
    """Write down a payout by bank transfer, with the bank as it is now.

    Without a batch it begins one.
    """
    return Payout.objects.create(
        seller_id=details.user_id,
        amount_minor=amount.minor,
        currency=amount.currency,
        batch=batch or PayoutBatch.objects.create(currency=amount.currency, created_at=now),
        holder=details.holder,
        bank=details.bank,
        number=details.number,
        created_at=now,
    )


def payout_batch(number: int) -> PayoutBatch:
    """A bank batch. Raises PayoutNotFoundError."""
    try:
        return PayoutBatch.objects.get(pk=number)
    except PayoutBatch.DoesNotExist:
        raise PayoutNotFoundError(_("There is no batch %(number)s.") % {"number": number}) from None


def batch_csv(found: PayoutBatch) -> str:
    """The batch as CSV for the bank, one payout a line; a text never becomes a formula."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(["payout", "bank", "account", "holder", "amount", "currency"])
    for payout in found.payouts.exclude(state=_State.FAILED).order_by("created_at", "pk"):
        amount = Money(payout.amount_minor, payout.currency).plain
        texts = [spreadsheet_cell(text) for text in (payout.bank, payout.number, payout.holder)]
        writer.writerow([payout.pk, *texts, amount, payout.currency])
    return out.getvalue()


def mark_batch_paid(number: int, *, now: dt.datetime) -> list[Payout]:
    """The bank has sent the batch: its payouts are paid, once.

    Within the caller's transaction, which books them. Raises PayoutNotFoundError,
    BatchPaidError.
    """
    payout_batch(number)
    if not PayoutBatch.objects.filter(pk=number, paid_at=None).update(paid_at=now):
        raise BatchPaidError(
            _("Batch %(number)s was marked paid already. Nothing was booked again.")
            % {"number": number}
        )
    waiting = Payout.objects.filter(batch_id=number, state=_State.REQUESTED)
    paid = list(waiting.select_for_update().order_by("pk"))
    waiting.update(state=_State.PAID, ended_at=now)
    return paid


def return_bank_payout(payout_id: uuid.UUID, *, why: str, now: dt.datetime) -> tuple[Payout, bool]:
    """The bank could not send a payout of a batch, or sent it back.

    Within the caller's transaction. Returns it, and whether it had been sent. Raises
    PayoutNotFoundError, also where it had failed already.
    """
    payout = (
        Payout.objects.select_for_update()
        .filter(pk=payout_id, batch__isnull=False)
        .exclude(state=_State.FAILED)
        .first()
    )
    if payout is None:
        raise PayoutNotFoundError(
            _("There is no such payout by bank transfer, or it has failed already.")
        )
    was_sent = payout.state == _State.PAID
    payout.state, payout.failure, payout.ended_at = _State.FAILED, why[:300], now
    payout.save()
    return payout, was_sent
