"""Deliveries: what receiver and sender say alike, cut down to what can be true and may count."""

from __future__ import annotations

import datetime as dt
import uuid
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping

from django.db.models import QuerySet

from marketplace.accounts import queries as accounts
from marketplace.distribution.networks import neighbours_of
from marketplace.distribution.receipt_models import Claim, Receipt
from marketplace.distribution.sharing_out import Arrivals, count_arrivals
from marketplace.distribution.types import Delivery
from marketplace.licensing import queries as licensing
from marketplace.packaging import queries as packaging

__all__ = ["deliveries"]

_Device = uuid.UUID
_Pairs = dict[tuple[_Device, _Device], int]  # receiving and sending device to bytes


def deliveries(
    *, package_id: str, receiver_id: uuid.UUID, now: dt.datetime
) -> tuple[Delivery, ...]:
    """Who delivered how much of a package to the user `receiver_id`: the present totals of
    those pairs of devices that were first heard of until `now`.

    For each pair of devices it is the smaller one of what the receiving device signed and
    what the sending one did. For the origin it is what it counted itself; of what it sent to
    where the receiver was never seen, only as much as the receiving device signed, as anybody
    can fetch under another's label. All together
    are at most the package's size for each purchase of the receiver; so nothing after a
    refund. What came from the receiver's own account, from an account that ever shared a
    device with it, or from a network where the receiver was seen, is no delivery, and
    leaves that much less for others. The largest first, the origin last.
    """
    purchases = licensing.paid_purchases(receiver_id, package_id)
    if purchases == 0:
        return ()
    receipts = Receipt.objects.filter(
        package_id=package_id, receiver__user_id=receiver_id, heard_at__lte=now
    )
    claims = Claim.objects.filter(
        package_id=package_id, receiver__user_id=receiver_id, heard_at__lte=now
    )
    received, owners, admitted = _received(receipts)
    sent, origin = _sent(claims, admitted)
    agreed = {pair: min(total, sent.get(pair, 0)) for pair, total in received.items()}
    arrivals = _arrivals(agreed, owners, origin)
    most = packaging.package(package_id).sealed_size * purchases
    from_origin, senders = count_arrivals(arrivals, most=most)
    barred = _related(receiver_id, senders.keys())
    found = [Delivery(user, part) for user, part in senders.items() if user not in barred and part]
    found.sort(key=lambda delivery: (-delivery.bytes, str(delivery.sender_id)))
    return (*found, Delivery(None, from_origin)) if from_origin else tuple(found)


def _received(
    receipts: QuerySet[Receipt],
) -> tuple[_Pairs, dict[_Device, uuid.UUID], dict[_Device, int]]:
    """What each receiving device signed of each sending one, whose the sending ones are, and
    what each signed to have got from the origin."""
    admitted: dict[_Device, int] = defaultdict(int)
    pairs: _Pairs = defaultdict(int)
    owners: dict[_Device, uuid.UUID] = {}
    for receipt in receipts.select_related("sender"):
        if receipt.sender is None:
            admitted[receipt.receiver_id] += receipt.bytes
        else:
            pairs[receipt.receiver_id, receipt.sender.pk] += receipt.bytes
            owners[receipt.sender.pk] = receipt.sender.user_id
    return pairs, owners, admitted


def _sent(
    claims: Iterable[Claim], admitted: Mapping[_Device, int]
) -> tuple[_Pairs, dict[_Device, int]]:
    """What each sending device signed of each receiving one; and what counts of the origin's
    own count, where the receiving devices have `admitted` so much of it."""
    pairs: _Pairs = defaultdict(int)
    told: dict[_Device, int] = defaultdict(int)
    sure: dict[_Device, int] = defaultdict(int)
    for claim in claims:
        if claim.sender_id is None:
            told[claim.receiver_id] += claim.bytes
            sure[claim.receiver_id] += claim.bytes - claim.elsewhere
        else:
            pairs[claim.receiver_id, claim.sender_id] += claim.bytes
    origin = {
        device: max(sure[device], min(total, admitted.get(device, 0)))
        for device, total in told.items()
    }
    return pairs, origin


def _arrivals(
    agreed: _Pairs, owners: dict[_Device, uuid.UUID], origin: dict[_Device, int]
) -> list[Arrivals[uuid.UUID]]:
    """By receiving device; the devices of one sending account are one sender."""
    senders: dict[_Device, dict[uuid.UUID, int]] = {device: {} for device in origin}
    for (receiver, sender), total in agreed.items():
        parts = senders.setdefault(receiver, {})
        parts[owners[sender]] = parts.get(owners[sender], 0) + total
    return [Arrivals(origin.get(device, 0), parts) for device, parts in senders.items()]


def _related(receiver_id: uuid.UUID, senders: Collection[uuid.UUID]) -> set[uuid.UUID]:
    """Those of `senders` that are the receiver, or may well live under one roof with them."""
    return accounts.sharing_devices(receiver_id) | neighbours_of(receiver_id, among=senders)
