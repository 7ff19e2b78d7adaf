"""Sending sellers their shares of orders, and taking back what was refunded.

Planned under the caller's lock of the order, so that no share is planned twice; carried
out without a transaction, as often as needed, by the ids of our rows.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Collection, Iterable, Mapping

from django.db.models import Q, QuerySet, Sum
from django.utils.translation import gettext as _

from marketplace.core.money import Money
from marketplace.payments import gateway_connect as gateway
from marketplace.payments.asking import key_is_forgotten
from marketplace.payments.connect_models import ConnectedAccount, Transfer, TransferReversal
from marketplace.payments.connect_types import DestinationSnapshot, MovementSnapshot
from marketplace.payments.errors import PaymentsUnavailableError, TransferRefusedError

__all__ = [
    "carry_out_transfers",
    "destination_of_charge",
    "orders_with_open_transfers",
    "plan_transfer",
    "record_destination",
    "sent_minor",
    "sent_of_orders",
    "transfers_of",
]

logger = logging.getLogger(__name__)
_State = Transfer.State
_COUNTED = [_State.REQUESTED, _State.SUCCEEDED]


def transfers_of(order_id: uuid.UUID) -> QuerySet[Transfer]:
    """Every transfer of an order's share, the newest first, with its reversals."""
    return Transfer.objects.filter(order_id=order_id).prefetch_related("reversals")


def sent_minor(order_id: uuid.UUID) -> int:
    """What of an order lies, or will lie, in its seller's account at Stripe."""
    return sent_of_orders([order_id]).get(order_id, 0)


def sent_of_orders(order_ids: Collection[uuid.UUID]) -> dict[uuid.UUID, int]:
    """The same of several orders; those of which nothing was sent are left out."""
    sent = _sums(Transfer.objects.filter(order_id__in=order_ids, state__in=_COUNTED), "order_id")
    back = _sums(
        TransferReversal.objects.filter(
            transfer__order_id__in=order_ids,
            transfer__state__in=_COUNTED,
            state__in=_COUNTED,
        ),
        "transfer__order_id",
    )
    return {order_id: total - back.get(order_id, 0) for order_id, total in sent.items()}


def _sums(rows: QuerySet[Transfer] | QuerySet[TransferReversal], by: str) -> dict[uuid.UUID, int]:
    return dict(rows.order_by().values_list(by).annotate(total=Sum("amount_minor")))


def plan_transfer(
    *,
    account: ConnectedAccount,
    order_id: uuid.UUID,
    bill_id: uuid.UUID,
    share: Money,
    charge_id: str = "",
    charge_left: int = 0,
    there_minor: int,
) -> None:
    """Write down what brings the seller's account to `share` of an order; lock the order first.

    `charge_left` is what of the charge belongs to the order: more is sent from the
    platform's balance. `there_minor` is what the account has: more cannot come back, since
    the rest went on to the seller's bank. Later sales make up for it.
    """
    change = share.minor - sent_minor(order_id)
    if change > 0:
        # What was refused has moved nothing; the new attempt takes its place.
        Transfer.objects.filter(order_id=order_id, state=_State.FAILED).delete()
        first = not Transfer.objects.filter(order_id=order_id, state__in=_COUNTED).exists()
        Transfer.objects.get_or_create(
            order_id=order_id,
            state=_State.REQUESTED,
            defaults={
                "seller_id": account.user_id,
                "account_id": account.account_id or "",
                "bill_id": bill_id,
                "amount_minor": change,
                "currency": share.currency,
                "charge_id": charge_id if first and change <= charge_left else "",
            },
        )
    elif change < 0:
        _plan_return(order_id, min(-change, max(there_minor, 0)))


def _plan_return(order_id: uuid.UUID, wanted: int) -> None:
    """Take back from the newest transfers first; what is not answered yet waits its turn."""
    for transfer in Transfer.objects.filter(order_id=order_id, state=_State.SUCCEEDED):
        if transfer.reversals.filter(state=_State.REQUESTED).exists():
            continue
        back = transfer.reversals.filter(state=_State.SUCCEEDED).aggregate(
            total=Sum("amount_minor")
        )["total"]
        part = min(wanted, transfer.amount_minor - (back or 0))
        if part > 0:
            transfer.reversals.filter(state=_State.FAILED).delete()
            TransferReversal.objects.create(transfer=transfer, amount_minor=part)
            wanted -= part


def carry_out_transfers(order_id: uuid.UUID) -> None:
    """Ask Stripe for what is planned for an order, and record the answers.

    What Stripe refuses is recorded as failed and logged; the next plan counts without it.
    Raises PaymentsUnavailableError (asking again is safe).
    """
    for transfer in Transfer.objects.filter(order_id=order_id, state=_State.REQUESTED):
        _send(transfer)
    for reversal in TransferReversal.objects.filter(
        transfer__order_id=order_id, state=_State.REQUESTED
    ).select_related("transfer"):
        _take_back(reversal)


def _send(transfer: Transfer) -> None:
    mine = Transfer.objects.filter(pk=transfer.pk, state=_State.REQUESTED)
    try:
        made = _made(transfer) or gateway.create_transfer(
            transfer_id=transfer.pk,
            account_id=transfer.account_id,
            amount=Money(transfer.amount_minor, transfer.currency),
            charge_id=transfer.charge_id,
            group=str(transfer.bill_id),
        )
    except TransferRefusedError as error:
        logger.warning("transfer %s: %s", transfer.pk, error)
        mine.update(state=_State.FAILED, failure=str(error)[:300])
    else:
        mine.update(state=_State.SUCCEEDED, stripe_id=made.id, transaction_id=made.transaction_id)


def _take_back(reversal: TransferReversal) -> None:
    mine = TransferReversal.objects.filter(pk=reversal.pk, state=_State.REQUESTED)
    try:
        made = _reversed(reversal) or gateway.create_reversal(
            reversal_id=reversal.pk,
            transfer=reversal.transfer.stripe_id,
            amount_minor=reversal.amount_minor,
        )
    except TransferRefusedError as error:
        # The account has less than our books say. The next plan looks again.
        logger.warning("reversal %s: %s", reversal.pk, error)
        mine.update(state=_State.FAILED, failure=str(error)[:300])
    else:
        mine.update(state=_State.SUCCEEDED, stripe_id=made.id, transaction_id=made.transaction_id)


def _made(transfer: Transfer) -> MovementSnapshot | None:
    if not key_is_forgotten(transfer.created_at):
        return None
    return gateway.find_transfer(transfer_id=transfer.pk, group=str(transfer.bill_id))


def _reversed(reversal: TransferReversal) -> MovementSnapshot | None:
    if not key_is_forgotten(reversal.created_at):
        return None
    return gateway.find_reversal(reversal_id=reversal.pk, transfer=reversal.transfer.stripe_id)


def destination_of_charge(charge_id: str) -> DestinationSnapshot | None:
    """What a charge sent on by itself. Raises PaymentsUnavailableError."""
    try:
        return gateway.destination_of(charge_id)
    except TransferRefusedError as error:
        raise PaymentsUnavailableError(_("Stripe does not show the charge yet.")) from error


def record_destination(
    *,
    account: ConnectedAccount,
    bill_id: uuid.UUID,
    charge_id: str,
    sent: DestinationSnapshot,
    shares: Mapping[uuid.UUID, int],
    currency: str,
) -> None:
    """Write down that a destination charge has sent each order's share; again, nothing new."""
    for order_id, minor in shares.items():
        Transfer.objects.get_or_create(
            order_id=order_id,
            is_destination=True,
            defaults={
                "seller_id": account.user_id,
                "account_id": account.account_id or "",
                "bill_id": bill_id,
                "amount_minor": minor,
                "currency": currency,
                "charge_id": charge_id,
                "state": _State.SUCCEEDED,
                "stripe_id": sent.transfer.id,
                "transaction_id": sent.transfer.transaction_id,
            },
        )


def orders_with_open_transfers() -> Iterable[uuid.UUID]:
    """Orders of which Stripe was asked something and has not answered."""
    asked = Q(state=_State.REQUESTED) | Q(reversals__state=_State.REQUESTED)
    return Transfer.objects.filter(asked).order_by().values_list("order_id", flat=True).distinct()
